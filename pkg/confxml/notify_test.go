package confxml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

// notified reads a file that has these lines in <head>, from line 2 on.
func notified(t *testing.T, elements string) (confxml.Config, string) {
	t.Helper()
	conf, err := confxml.Parse("c.xml", []byte("<head>\n"+elements+"\n</head>"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, w := range conf.Warnings {
		if !strings.HasPrefix(w.Element, "inotify") && strings.Contains(w.Element, "notify") {
			said = append(said, w.String())
			if w.Remedy == "" || w.Severity < confxml.Warning {
				t.Errorf("%+v", w)
			}
		}
	}
	return conf, strings.Join(said, "\n")
}

func TestNotify(t *testing.T) {
	conf, said := notified(t, `<notify><webhook url="https://h/x"/></notify>
<notify name="b" events="verify, brake" level="lagging" after="0s" repeat="0" lang="zh"><command run="tell 'a b'" input="json" timeout="5s"/></notify>
<notify name="off" start="false"/>`)
	if said != "" || len(conf.Notify) != 2 {
		t.Fatalf("%+v\n%s", conf.Notify, said)
	}
	a, b := conf.Notify[0], conf.Notify[1]
	if a.Level != "failing" || a.After != time.Minute || a.Repeat != 4*time.Hour || len(a.Events) != 3 || a.Lang != "en" ||
		a.Webhook.URL != "https://h/x" || a.Webhook.ContentType != "application/json" || len(a.Webhook.Answer) != 2 || a.Webhook.Timeout != 10*time.Second {
		t.Errorf("%+v %+v", a, a.Webhook)
	}
	if b.Level != "lagging" || b.After != 0 || b.Repeat != 0 || strings.Join(b.Events, "|") != "verify|brake" || b.Lang != "zh" ||
		b.Command.Run != "tell 'a b'" || b.Command.Input != "json" || b.Command.Timeout != 5*time.Second || b.Line != 3 {
		t.Errorf("%+v %+v", b, b.Command)
	}
}

func TestNotifyMistakes(t *testing.T) {
	const hook = `<webhook url="https://h/x"/>`
	for name, tt := range map[string]struct {
		in, want string
		usable   int
	}{
		"no receiver":      {`<notify/>`, "c.xml:2: notify: needs one <webhook> or one <command>", 0},
		"two receivers":    {`<notify>` + hook + `<command run="x"/></notify>`, "c.xml:2: notify: needs one <webhook> or one <command>", 0},
		"no address":       {"<notify>\n<webhook/></notify>", "c.xml:3: notify/webhook: needs url or urlfile", 0},
		"two addresses":    {"<notify>\n<webhook url=\"https://secret\" urlfile=\"y\"/></notify>", "c.xml:3: notify/webhook: needs url or urlfile", 0},
		"no command":       {"<notify>\n<command/></notify>", "c.xml:3: notify/command@run: missing or empty", 0},
		"level":            {`<notify level="bad">` + hook + `</notify>`, `c.xml:2: notify@level: "bad" is unknown`, 1},
		"after":            {"<notify\nafter=\"soon\">" + hook + `</notify>`, `c.xml:3: notify@after: "soon" is no duration: 1m is used`, 1},
		"negative repeat":  {`<notify repeat="-1s">` + hook + `</notify>`, `notify@repeat: "-1s" is no duration: 4h is used`, 1},
		"no timeout":       {`<notify><webhook url="https://h" timeout="0"/></notify>`, `notify/webhook@timeout: "0" is no duration: 10s is used`, 1},
		"event":            {`<notify events="lane overflow">` + hook + `</notify>`, `notify@events: "overflow" is unknown`, 1},
		"input":            {`<notify><command run="x" input="xml"/></notify>`, `notify/command@input: "xml" is unknown: env is used`, 1},
		"same name":        {`<notify>` + hook + "</notify>\n<notify>" + hook + `</notify>`, `c.xml:3: notify@name: "" is the name of another <notify>`, 1},
		"unknown":          {`<notify><webhook url="https://h" tmplate="x"/></notify>`, `notify/webhook@tmplate: unknown attribute`, 1},
		"inside <sersync>": {`<sersync><notify>` + hook + `</notify></sersync>`, "move it into <head>", 0},
	} {
		t.Run(name, func(t *testing.T) {
			conf, said := notified(t, tt.in)
			if !strings.Contains(said, tt.want) || strings.Contains(said, "secret") || len(conf.Notify) != tt.usable {
				t.Errorf("%d usable, said\n%s", len(conf.Notify), said)
			}
		})
	}
}
