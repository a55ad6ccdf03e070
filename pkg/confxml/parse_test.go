package confxml_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestShippedDefault compares every value that is read from the default configuration.
func TestShippedDefault(t *testing.T) {
	got := parse(t, shipped(t))
	plugins := got.Plugins
	got.Plugins = nil
	want := confxml.Config{
		File:   "c.xml",
		Host:   confxml.Host{IP: "localhost", Port: 8008, Page: true},
		Filter: confxml.Filter{Exclude: []confxml.Expression{{`(.*)\.svn`, 7}, {`(.*)\.gz`, 8}, {"^info/*", 9}, {"^static/*", 10}}},
		Inotify: confxml.Switches{
			Delete: true, CreateFolder: true, CloseWrite: true, MoveFrom: true, MoveTo: true, SelfCheck: 24 * time.Hour,
		},
		LocalPaths: []confxml.LocalPath{{Watch: "/opt/tongbu", Line: 24, Backend: confxml.Inotify, Remotes: []confxml.Remote{
			{IP: "127.0.0.1", Name: "tongbu1", Line: 25, Params: "-artuz", ParamsLine: 30},
		}}},
		FailLog: confxml.FailLog{Path: "/tmp/rsync_fail_log.sh", Interval: time.Hour, Line: 36},
		Crontab: confxml.Crontab{Interval: 10 * time.Hour, Exclude: []confxml.Expression{{"*.php", 39}, {"info/*", 40}}},
		Log:     confxml.Log{Level: "info", Format: "console", MaxSizeMB: 100, MaxBackups: 5},
		Rsync:   confxml.RsyncRun{Program: "rsync", Standby: true, MaxTotal: 64},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if len(plugins) != 3 || plugins[0].Name != "command" || plugins[1].Name != "socket" || plugins[2].Name != "refreshCDN" {
		t.Fatalf("plugins are %+v", plugins)
	}
	if p := plugins[1]; p.Watch != "/opt/tongbu" || p.Attributes["deshost/port"] != (confxml.Attribute{Value: "8009", Line: 56}) {
		t.Errorf("socket plugin is %+v", p)
	}
	if _, ok := plugins[1].Attributes["plugin/name"]; ok {
		t.Error("the plugin's own attribute is among those of its children")
	}
	if p := plugins[0]; p.FilterOn || len(p.Include) != 2 || p.Attributes["param/ignoreerror"].Value != "true" {
		t.Errorf("command plugin is %+v", p)
	}
}

// TestValues makes one edit to the default configuration and compares one value.
func TestValues(t *testing.T) {
	const (
		remote  = `<remote ip="127.0.0.1" name="tongbu1"/>`
		auth    = `<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>`
		failLog = `timeToExecute="60"`
		crontab = `<crontab start="false" schedule="600">`
	)
	first := func(c confxml.Config) confxml.Remote { return c.LocalPaths[0].Remotes[0] }
	for _, tt := range []struct {
		name  string
		edits []string
		get   func(confxml.Config) any
		want  any
		warn  string // a part of a warning; empty: there is no warning
	}{
		{"atoi", []string{`port="8008"`, `port=" 12x"`}, func(c confxml.Config) any { return c.Host.Port }, 12, ""},
		{"atoi text", []string{`port="8008"`, `port="abc"`}, func(c confxml.Config) any { return c.Host.Port }, 0, ""},
		{"atoi huge", []string{`port="8008"`, `port="99999999999999999999"`}, func(c confxml.Config) any { return c.Host.Port }, 1<<31 - 1, ""},
		{"TRUE is false", []string{`<debug start="false"/>`, `<debug start="TRUE"/>`}, func(c confxml.Config) any { return c.Debug }, false, "c.xml:4: debug@start"},
		{"blank true is false", []string{`<debug start="false"/>`, `<debug start=" true"/>`}, func(c confxml.Config) any { return c.Debug }, false, "is not true"},
		{"true", []string{`<debug start="false"/>`, `<debug start='true'/>`}, func(c confxml.Config) any { return c.Debug }, true, ""},
		{"value without attribute", []string{`<debug start="false"/>`, `<debug start/>`}, func(c confxml.Config) any { return c.Debug }, false, "missing"},
		{"time 1", []string{failLog, `timeToExecute="1"`}, func(c confxml.Config) any { return c.FailLog.Interval }, time.Minute, ""},
		{"time 0", []string{failLog, `timeToExecute="0"`}, func(c confxml.Config) any { return c.FailLog.Interval }, time.Minute, ""},
		{"time empty", []string{failLog, `timeToExecute=""`}, func(c confxml.Config) any { return c.FailLog.Interval }, 7200 * time.Second, ""},
		{"time missing", []string{failLog, ``}, func(c confxml.Config) any { return c.FailLog.Interval }, time.Hour, `"60" is used`},
		{"time huge", []string{failLog, `timeToExecute="2147483647"`}, func(c confxml.Config) any { return c.FailLog.Interval > 0 }, true, ""},
		{"fail log empty", []string{`path="/tmp/rsync_fail_log.sh"`, `path=""`}, func(c confxml.Config) any { return c.FailLog.Path }, "", "no fail script"},
		{"schedule", []string{crontab, `<crontab start="true" schedule="5">`}, func(c confxml.Config) any { return c.Crontab.Interval }, 5 * time.Minute, ""},
		{"schedule 0", []string{crontab, `<crontab start="true" schedule="0">`}, func(c confxml.Config) any { return c.Crontab.Interval }, 600 * time.Minute, "600 is used"},
		{"schedule text", []string{crontab, `<crontab start="true" schedule="x">`}, func(c confxml.Config) any { return c.Crontab.Interval }, 600 * time.Minute, "600 is used"},
		{"schedule missing", []string{crontab, `<crontab start="true">`}, func(c confxml.Config) any { return c.Crontab.Interval }, 600 * time.Minute, "c.xml:37: sersync/crontab@schedule: missing"},
		{"schedule off", []string{crontab, `<crontab start="false">`}, func(c confxml.Config) any { return c.Crontab.On }, false, ""},
		{"cron", []string{crontab, `<crontab start="true" schedule="5" cron="0 3 * * *">`}, func(c confxml.Config) any { return c.Crontab.Cron }, "0 3 * * *", ""},
		{"cron bad", []string{crontab, `<crontab start="true" schedule="5" cron="61 * * * *">`}, func(c confxml.Config) any { return c.Crontab.Cron }, "", "schedule is used"},
		{"cron zone", []string{crontab, `<crontab start="true" schedule="5" cron="TZ=">`}, func(c confxml.Config) any { return c.Crontab.Cron }, "", "schedule is used"},
		{"no crontabfilter", []string{crontab, crontab + `<crontabfilte/>`, "<crontabfilter start", "<x start", "</crontabfilter>", "</x>"}, func(c confxml.Config) any { return c.Crontab.FilterOn }, false, "unknown element"},
		{"selfcheck", []string{`<inotify>`, `<inotify selfcheck="90m">`}, func(c confxml.Config) any { return c.Inotify.SelfCheck }, 90 * time.Minute, ""},
		{"selfcheck off", []string{`<inotify>`, `<inotify selfcheck="0">`}, func(c confxml.Config) any { return c.Inotify.SelfCheck }, time.Duration(0), ""},
		{"selfcheck bad", []string{`<inotify>`, `<inotify selfcheck="1 day">`}, func(c confxml.Config) any { return c.Inotify.SelfCheck }, 24 * time.Hour, "no duration"},
		{"auth", []string{auth, `<auth start="true" users="u" passwordfile="/p "/>`}, func(c confxml.Config) any { return first(c).User + first(c).PasswordFile }, "u/p", "blanks around"},
		{"auth off", nil, func(c confxml.Config) any { return first(c).User + first(c).PasswordFile }, "", ""},
		{"auth no users", []string{auth, `<auth start="true" passwordfile="/p"/>`}, func(c confxml.Config) any { return first(c).User + first(c).PasswordFile }, "/p", "users: missing"},
		{"auth empty users", []string{auth, `<auth start="true" users="" passwordfile="/p"/>`}, func(c confxml.Config) any { return first(c).User }, "", ""},
		{"port", []string{`<userDefinedPort start="false" port="874"/>`, `<userDefinedPort start="true" port="8873"/>`}, func(c confxml.Config) any { return first(c).Port }, 8873, ""},
		{"port missing", []string{`<userDefinedPort start="false" port="874"/>`, `<userDefinedPort start="true"/>`}, func(c confxml.Config) any { return first(c).Port }, 874, `"874" is used`},
		{"port text", []string{`<userDefinedPort start="false" port="874"/>`, `<userDefinedPort start="true" port="ssh"/>`}, func(c confxml.Config) any { return first(c).PortText }, "ssh", "no port"},
		{"timeout", []string{`<timeout start="false" time="100"/>`, `<timeout start="true" time="7"/>`}, func(c confxml.Config) any { return first(c).Timeout }, 7, ""},
		{"timeout missing", []string{`<timeout start="false" time="100"/>`, `<timeout start="true"/>`}, func(c confxml.Config) any { return first(c).Timeout }, 100, `"100" is used`},
		{"entities", []string{`"-artuz"`, `"-a &quot;x&QUOT; &amp;&lt;&gt;&apos;&#65;&#x42;&#xe9;"`}, func(c confxml.Config) any { return first(c).Params }, "-a \"x\" &<>'AB\xe9", ""},
		{"raw bytes", []string{`/opt/tongbu`, "/\xd6\xd0\xce\xc4/\xe4\xb8\xad/\xff"}, func(c confxml.Config) any { return c.LocalPaths[0].Watch }, "/\xd6\xd0\xce\xc4/\xe4\xb8\xad/\xff", ""},
		{"first element wins", []string{`<debug start="false"/>`, `<debug start="true"/><debug start="false"/>`}, func(c confxml.Config) any { return c.Debug }, true, "more than once"},
		{"first attribute wins", []string{`<debug start="false"/>`, `<debug start="true" START="false"/>`}, func(c confxml.Config) any { return c.Debug }, true, ""},
		{"plugin reference", []string{`<plugin start="false" name="command"/>`, `<plugin start="true" name="command"/><plugin start="true" name="socket" when="all"/><plugin start="no" name="http"/>`},
			func(c confxml.Config) any { return c.PluginRefs }, []confxml.PluginRef{{Name: "command", Line: 43}, {Name: "socket", WhenAll: true, Line: 43}}, `"no" is not true`},
		{"plugin without name", []string{`<plugin start="false" name="command"/>`, `<plugin start="true"/>`}, func(c confxml.Config) any { return len(c.PluginRefs) }, 0, "no plugin is named"},
		{"no inotify child", []string{`<closeWrite start="true"/>`, ``}, func(c confxml.Config) any { return c.Inotify.CloseWrite }, true, "inotify/closeWrite: missing"},
		{"remote overrides", []string{remote, `<remote ip="h" name="m" user="bob" passwordfile="/p" port="999" ssh="true" params="-a" timeout="9"/>`},
			func(c confxml.Config) any { return first(c) }, confxml.Remote{IP: "h", Name: "m", Line: 25, Params: "-a", ParamsLine: 25, OwnParams: true, User: "bob", PasswordFile: "/p", Port: 999, PortText: "999", OwnPort: true, Timeout: 9, SSH: true}, ""},
		{"remote takes back", []string{remote, `<remote ip="h" name="m" user="" params="" ssh="false"/>`, auth, strings.Replace(auth, "false", "true", 1), `<ssh start="false"/>`, `<ssh start="true"/>`},
			func(c confxml.Config) any { return first(c) }, confxml.Remote{IP: "h", Name: "m", Line: 25, ParamsLine: 25, OwnParams: true, PasswordFile: "/etc/rsync.pas"}, ""},
		{"dotfiles", []string{`watch="/opt/tongbu"`, `watch="/opt/tongbu" dotfiles="true" allowroot="true"`}, func(c confxml.Config) any { return c.LocalPaths[0].DotFiles && c.LocalPaths[0].AllowRoot }, true, ""},
		{"page off", []string{`port="8008"`, `port="8008" page="false" socket="/s"`}, func(c confxml.Config) any { return c.Host }, confxml.Host{IP: "localhost", Port: 8008, Socket: "/s"}, ""},
		{"listen", []string{`port="8008"`, `port="8008" listen="0.0.0.0:1" tokenfile="/t"`}, func(c confxml.Config) any { return c.Host.Listen }, "0.0.0.0:1", ""},
		{"listen without token", []string{`port="8008"`, `port="8008" listen="0.0.0.0:1"`}, func(c confxml.Config) any { return c.Host.Listen }, "", "needs a token"},
		{"rsync run", []string{`<rsync>`, `<rsync path="/r" standby="false" total="3">`}, func(c confxml.Config) any { return c.Rsync }, confxml.RsyncRun{Program: "/r", MaxTotal: 3}, ""},
		{"rsync total 0", []string{`<rsync>`, `<rsync total="0">`}, func(c confxml.Config) any { return c.Rsync.MaxTotal }, 64, "at least 1"},
		{"log", []string{`<sersync>`, `<log file="/l" level="debug" format="json" maxsize="1" maxbackups="0" maxage="3"/><state dir="/d" pidfile="/p"/><sersync>`},
			func(c confxml.Config) any { return []any{c.Log, c.State} }, []any{confxml.Log{File: "/l", Level: "debug", Format: "json", MaxSizeMB: 1, MaxAgeDays: 3}, confxml.State{Dir: "/d", PIDFile: "/p"}}, ""},
		{"log level", []string{`<sersync>`, `<log level="loud"/><sersync>`}, func(c confxml.Config) any { return c.Log.Level }, "info", "one of debug"},
		{"unknown attribute", []string{`<debug start="false"/>`, `<debug start="false" strat="true"/>`}, func(c confxml.Config) any { return c.Debug }, false, "c.xml:4: debug@strat: unknown attribute"},
		{"misplaced", []string{`<sersync>`, `<localpath watch="/x"/><sersync>`}, func(c confxml.Config) any { return len(c.LocalPaths) }, 1, "move it into <sersync>"},
		{"expression missing", []string{`<exclude expression="^info/*">`, `<exclude>`}, func(c confxml.Config) any { return len(c.Filter.Exclude) }, 3, "filter/exclude@expression: missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parse(t, edited(t, tt.edits...))
			if got := tt.get(c); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
			if tt.warn == "" && len(c.Warnings) > 0 {
				t.Errorf("warnings: %v", c.Warnings)
			}
			if tt.warn != "" && !said(c.Warnings, tt.warn) {
				t.Errorf("no warning says %q: %v", tt.warn, c.Warnings)
			}
		})
	}
}

// TestSeveralLocalPaths: all localpaths are read; 2.5.4 read only the first one.
func TestSeveralLocalPaths(t *testing.T) {
	c := parse(t, edited(t, `<rsync>`, `<localpath watch="/b/"><remote ip="h" name="m"/><remote ip="i" name="n" port="1"/></localpath><rsync>`))
	if len(c.LocalPaths) != 2 || len(c.LocalPaths[1].Remotes) != 2 || c.LocalPaths[1].Watch != "/b/" || c.LocalPaths[1].Remotes[1].Port != 1 {
		t.Errorf("got %+v", c.LocalPaths)
	}
}

// TestNothingButHead: every default of the table is the value of the shipped file.
func TestNothingButHead(t *testing.T) {
	got, want := parse(t, []byte("<head/>")), parse(t, shipped(t))
	for name, pair := range map[string][2]any{
		"host":      {got.Host, want.Host},
		"inotify":   {got.Inotify, want.Inotify},
		"fail log":  {got.FailLog.Path, want.FailLog.Path},
		"interval":  {got.FailLog.Interval, want.FailLog.Interval},
		"schedule":  {got.Crontab.Interval, want.Crontab.Interval},
		"log":       {got.Log, want.Log},
		"rsync":     {got.Rsync, want.Rsync},
		"filter on": {got.Filter.On, want.Filter.On},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %+v without the element, %+v with it", name, pair[0], pair[1])
		}
	}
	for _, missing := range []string{"host", "debug", "fileSystem", "filter", "inotify", "sersync"} {
		if !said(got.Warnings, " "+missing+": missing") {
			t.Errorf("no warning about <%s>", missing)
		}
	}
	if len(got.Warnings) != 6 {
		t.Errorf("%d warnings, want one per missing element: %v", len(got.Warnings), got.Warnings)
	}
	params := parse(t, []byte(`<head><sersync><localpath watch="/a"><remote ip="h" name="m"/></localpath></sersync></head>`))
	if p := params.LocalPaths[0].Remotes[0].Params; p != "-artuz" {
		t.Errorf("params are %q", p)
	}
}

// TestValidateSync names every problem with its line; with -m there is none.
func TestValidateSync(t *testing.T) {
	c := parse(t, []byte("<head><sersync>\n<localpath watch=''>\n<remote name='m'/>\n<remote ip='h' name=' '/></localpath>\n<localpath watch='/a'/>\n</sersync></head>"))
	err := c.ValidateSync()
	want := []string{
		"c.xml:2: sersync/localpath@watch: missing or empty",
		"c.xml:3: sersync/localpath/remote@ip: missing or empty",
		"c.xml:4: sersync/localpath/remote@name: missing or empty",
		"c.xml:5: sersync/localpath/remote: missing",
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) || confxml.ExitCode(err) != 1 {
		t.Fatalf("got %q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
	for _, remote := range []string{"ip='-e/x' name='m'", "ip='h' name='m' user='-e/x'"} {
		c := parse(t, []byte("<head><sersync><localpath watch='/a'><remote "+remote+"/></localpath></sersync></head>"))
		if err := c.ValidateSync(); err == nil || !strings.Contains(err.Error(), "begins with a dash") {
			t.Errorf("%s: %v", remote, err)
		}
	}
	if err := parse(t, []byte("<head/>")).ValidateSync(); confxml.ExitCode(err) != 1 || !strings.Contains(err.Error(), "nothing is watched") {
		t.Errorf("no localpath: %v", err)
	}
	if err := parse(t, shipped(t)).ValidateSync(); confxml.ExitCode(err) != 0 {
		t.Errorf("default: %v", err)
	}
}
