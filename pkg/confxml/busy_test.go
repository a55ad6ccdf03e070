package confxml_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/confxml"
)

func TestBusy(t *testing.T) {
	wait := busyhours.Rule{Wait: true}
	workdays := busyhours.Days{false, true, true, true, true, true, false}
	day := busyhours.Hours{Span: busyhours.Span{From: 480, To: 1200}, Days: busyhours.EveryDay(), Full: wait, Large: wait, Size: 100 << 20}
	later := day
	later.Span = busyhours.Span{From: 1320, To: 360}
	full := busyhours.Hours{
		Span: busyhours.Span{From: 480, To: 1200}, Days: workdays, Full: busyhours.Rule{BWLimit: 500}, Size: 7 << 20,
	}
	const path = "sersync/localpath/busy"
	for name, tt := range map[string]struct {
		local, remote string
		want          busyhours.Schedule
		said          string // the beginning of the message
	}{
		"missing":        {"", "", nil, ""},
		"defaults":       {`<busy hours="08:00-20:00"/>`, "", busyhours.Schedule{day}, ""},
		"all":            {`<busy hours="8-20" days="mon-fri" full="500" large="free" size="7"/>`, "", busyhours.Schedule{full}, ""},
		"several":        {`<busy hours="8-20"/><busy hours="22:00-06:00"/>`, "", busyhours.Schedule{day, later}, ""},
		"of the remote":  {"", `<busy hours="8-20"/>`, busyhours.Schedule{day}, ""},
		"instead":        {`<busy hours="8-20"/>`, `<busy hours="22-6"/>`, busyhours.Schedule{later}, ""},
		"no hours":       {`<busy days="mon"/>`, "", nil, `c.xml:3: ` + path + `@hours: missing: this <busy> is ignored; write them like hours="08:00-20:00"`},
		"empty hours":    {`<busy hours=""/>`, "", nil, `c.xml:3: ` + path + `@hours: "" are no hours: this <busy> is ignored; write`},
		"bad hours":      {`<busy hours="8am-8pm"/><busy hours="8-20"/>`, "", busyhours.Schedule{day}, `c.xml:3: ` + path + `@hours: "8am-8pm" are no hours: this <busy> is ignored; write`},
		"no time":        {`<busy hours="8-8"/>`, "", nil, `c.xml:3: ` + path + `@hours: "8-8" end when they begin: this <busy> is ignored; write`},
		"bad days":       {`<busy hours="8-20" days="mo-fr"/>`, "", nil, `c.xml:3: ` + path + `@days: "mo-fr" are no days: this <busy> is ignored; write them like days="mon-fri"`},
		"bad pace":       {`<busy hours="8-20" full="slow"/>`, "", busyhours.Schedule{day}, `c.xml:3: ` + path + `@full: "slow" is neither wait nor free nor a number of KiB per second: wait is used; write wait, free, or a number like 2000`},
		"no pace":        {`<busy hours="8-20" large="0"/>`, "", busyhours.Schedule{day}, `c.xml:3: ` + path + `@large: "0" is neither`},
		"bad size":       {`<busy hours="8-20" size="1G"/>`, "", busyhours.Schedule{day}, `c.xml:3: ` + path + `@size: "1G" is not a number of at least 1: 100 is used`},
		"unknown":        {`<busy hours="8-20" limit="5"/>`, "", busyhours.Schedule{day}, `c.xml:3: ` + path + `@limit: unknown attribute`},
		"always":         {`<busy hours="8-20"/><busy hours="20-8"/>`, "", nil, `c.xml:3: ` + path + `: full syncs would wait at every hour of the week: no <busy> here is applied; leave some hours`},
		"large always":   {`<busy hours="0-24" full="free"/>`, "", nil, `c.xml:3: ` + path + `: large files would wait at every hour of the week`},
		"remote ignored": {`<busy hours="8-20"/>`, `<busy hours="x"/>`, busyhours.Schedule{day}, `c.xml:4: sersync/localpath/remote/busy@hours: "x" are no hours`},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confxml.Parse("c.xml", []byte("<head>\n<sersync><localpath watch=\"/d\">\n"+tt.local+"\n<remote ip=\"h\" name=\"m\">"+tt.remote+"</remote></localpath></sersync>\n</head>"))
			if err != nil {
				t.Fatal(err)
			}
			if got := conf.LocalPaths[0].Remotes[0].Busy; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			said := ""
			for _, w := range conf.Warnings {
				if strings.Contains(w.Element, "/busy") {
					said += w.String()
				}
			}
			if !strings.HasPrefix(said, tt.said) || (tt.said == "") != (said == "") {
				t.Errorf("said %q, want %q", said, tt.said)
			}
		})
	}
	const alone = `<head><sersync><localpath watch="/d"><busy hours="8-20"/><stream name="d" creds="/c"/></localpath></sersync></head>`
	conf, err := confxml.Parse("c.xml", []byte(alone))
	if said := "there is no <remote> here that could wait"; err != nil ||
		!slices.ContainsFunc(conf.Warnings, func(w confxml.Problem) bool { return w.Element == path && strings.HasPrefix(w.Message, said) }) {
		t.Errorf("%v, %q, want %q", err, conf.Warnings, said)
	}
	conf, err = confxml.Parse("c.xml", []byte(`<head><sersync><rsync><busy hours="8-20"/></rsync></sersync></head>`))
	if err != nil || len(conf.LocalPaths) > 0 {
		t.Error(err, conf.LocalPaths)
	}
}
