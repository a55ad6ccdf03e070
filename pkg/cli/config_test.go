package cli

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

// start is an element of which only the attribute start matters.
type start struct {
	On string `xml:"start,attr"`
}

type exclude struct {
	Expression string `xml:"expression,attr"`
}

// rawConfig holds the part of a configuration file that the start-up lines show. It reads only
// recorded files; pkg/confxml reads real ones.
type rawConfig struct {
	Host struct {
		IP   string `xml:"hostip,attr"`
		Port string `xml:"port,attr"`
	} `xml:"host"`
	Debug      start `xml:"debug"`
	FileSystem struct {
		XFS string `xml:"xfs,attr"`
	} `xml:"fileSystem"`
	Filter  start `xml:"filter"`
	Inotify struct {
		Delete     start `xml:"delete"`
		CreateFile start `xml:"createFile"`
	} `xml:"inotify"`
	Sersync struct {
		LocalPath []rawLocalPath `xml:"localpath"`
		Auth      struct {
			start
			Users        string `xml:"users,attr"`
			PasswordFile string `xml:"passwordfile,attr"`
		} `xml:"rsync>auth"`
		Crontab struct {
			start
			Schedule string `xml:"schedule,attr"`
			Filter   struct {
				start
				Exclude []exclude `xml:"exclude"`
			} `xml:"crontabfilter"`
		} `xml:"crontab"`
		Plugin []struct {
			start
			Name string `xml:"name,attr"`
		} `xml:"plugin"`
	} `xml:"sersync"`
	Plugin []struct {
		LocalPath struct {
			Watch   string `xml:"watch,attr"`
			DesHost struct {
				IP   string `xml:"ip,attr"`
				Port string `xml:"port,attr"`
			} `xml:"deshost"`
		} `xml:"localpath"`
	} `xml:"plugin"`
}

type rawLocalPath struct {
	Watch  string     `xml:"watch,attr"`
	Remote []struct{} `xml:"remote"`
}

func readRaw(t *testing.T, text string) rawConfig {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var raw rawConfig
	if err := d.Decode(&raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func (raw rawConfig) config() confxml.Config {
	port, _ := strconv.Atoi(raw.Host.Port) // a text gives 0, as in 2.5.4
	minutes, _ := strconv.Atoi(raw.Sersync.Crontab.Schedule)
	if minutes <= 0 {
		minutes = 600
	}
	c := confxml.Config{
		Host:   confxml.Host{IP: raw.Host.IP, Port: port},
		Debug:  raw.Debug.On == "true",
		XFS:    raw.FileSystem.XFS == "true",
		Filter: confxml.Filter{On: raw.Filter.On == "true"},
		Inotify: confxml.Switches{
			Delete:     raw.Inotify.Delete.On == "true",
			CreateFile: raw.Inotify.CreateFile.On == "true",
		},
		Crontab: confxml.Crontab{
			On:       raw.Sersync.Crontab.On == "true",
			Interval: time.Duration(minutes) * time.Minute,
			FilterOn: raw.Sersync.Crontab.Filter.On == "true",
		},
	}
	for _, e := range raw.Sersync.Crontab.Filter.Exclude {
		c.Crontab.Exclude = append(c.Crontab.Exclude, confxml.Expression{Text: e.Expression})
	}
	for _, p := range raw.Sersync.Plugin {
		if p.On == "true" {
			c.PluginRefs = append(c.PluginRefs, confxml.PluginRef{Name: p.Name})
		}
	}
	for _, l := range raw.Sersync.LocalPath {
		local := confxml.LocalPath{Watch: l.Watch}
		for range l.Remote {
			var r confxml.Remote
			if raw.Sersync.Auth.On == "true" {
				r.User, r.PasswordFile = raw.Sersync.Auth.Users, raw.Sersync.Auth.PasswordFile
			}
			local.Remotes = append(local.Remotes, r)
		}
		c.LocalPaths = append(c.LocalPaths, local)
	}
	return c
}
