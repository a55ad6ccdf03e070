package registry_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func attributes(pairs ...string) map[string]confxml.Attribute {
	all := map[string]confxml.Attribute{}
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		all[key] = confxml.Attribute{Value: value, Line: 3}
	}
	return all
}

// Each plugin element of the shipped default file gives a plugin.
func TestDefaults(t *testing.T) {
	confs := []confxml.Plugin{
		{Name: "command", Attributes: attributes("param/prefix=/bin/sh", "param/suffix=", "param/ignoreerror=true"), Include: []confxml.Expression{{Text: `(.*)\.php`}}},
		{Name: "socket", Attributes: attributes("localpath/watch=/opt/tongbu", "deshost/ip=192.168.138.20", "deshost/port=8009")},
		{Name: "http", Attributes: attributes("deshost/url=http://192.168.138.20/x", "deshost/port=8080")},
		{Name: "refreshCDN", Attributes: attributes("cdninfo/domainname=ccms.chinacache.com", "cdninfo/port=80", "cdninfo/username=xxxx", "cdninfo/passwd=xxxx",
			"sendurl/base=http://pic.xoyo.com/cms", "regexurl/regex=false", "regexurl/match=cms.xoyo.com/site([/a-zA-Z0-9]*).xoyo.com/images")},
	}
	for _, conf := range confs {
		p, err := registry.New(conf, plugins.Deps{})
		if err != nil {
			t.Errorf("%s: %v", conf.Name, err)
			continue
		}
		if p.Name() != conf.Name || !registry.Known(conf.Name) {
			t.Errorf("%s calls itself %s", conf.Name, p.Name())
		}
		if err := p.Close(); err != nil {
			t.Errorf("%s: %v", conf.Name, err)
		}
	}
	if got := registry.Names(); !slices.Equal(got, []string{"command", "http", "refreshCDN", "socket"}) {
		t.Errorf("names %q", got)
	}
}

func TestFind(t *testing.T) {
	all := []confxml.Plugin{{Name: "socket", Line: 1}, {Name: "command", Line: 2}, {Name: "command", Line: 3}}
	if got, err := registry.Find("command", 9, all, plugins.Deps{}); err != nil || got.Line != 2 {
		t.Errorf("got line %d, %v; the first element wins", got.Line, err)
	}
	tests := []struct {
		name    string
		alone   bool
		want    string
		console string
	}{
		{"http", false, `c.xml:9: plugin http: there is no <plugin name="http"> element`, ""},
		{"ftp", false, `c.xml:9: plugin "ftp": is not known; write one of: command, http, refreshCDN, socket`, "sersync plugin error，please confirm the config xml"},
		{"SOCKET", true, `plugin "SOCKET": is not known`, "模块名称错误"},
	}
	for _, tt := range tests {
		_, err := registry.Find(tt.name, 9, all, plugins.Deps{File: "c.xml", Alone: tt.alone})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if lines := plugins.ConsoleLines(err); strings.Join(lines, "") != tt.console {
			t.Errorf("%s: console %q", tt.name, lines)
		}
	}
	if _, err := registry.New(confxml.Plugin{Name: "ftp", Line: 4}, plugins.Deps{File: "c.xml"}); err == nil {
		t.Error("an unknown kind was made")
	}
}
