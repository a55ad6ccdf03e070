package confxml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestVerify(t *testing.T) {
	def := confxml.Verify{On: true, Interval: 24 * time.Hour}
	for name, tt := range map[string]struct {
		in   string
		want confxml.Verify
		said string // the beginning of the message about line 3
	}{
		"missing":  {"", confxml.Verify{}, ""},
		"defaults": {`<verify/>`, def, ""},
		"all": {
			`<verify schedule="60" cron="0 3 * * *" repair="true" contents="true" bwlimit="500"/>`,
			confxml.Verify{On: true, Interval: time.Hour, Cron: "0 3 * * *", Repair: true, Contents: true, BWLimit: 500}, "",
		},
		"off":         {`<verify start="false" repair="true"/>`, confxml.Verify{Interval: 24 * time.Hour, Repair: true}, ""},
		"no minutes":  {`<verify schedule="often"/>`, def, `c.xml:3: sersync/verify@schedule: "often" is no number of minutes: 1440 is used`},
		"no cron":     {`<verify cron="at three"/>`, def, `c.xml:3: sersync/verify@cron: "at three": `},
		"no limit":    {`<verify bwlimit="fast"/>`, def, `c.xml:3: sersync/verify@bwlimit: "fast" is not a number of at least 0: 0 is used`},
		"no boolean":  {`<verify repair="yes"/>`, def, `c.xml:3: sersync/verify@repair: "yes" is not true, so it is off`},
		"unknown":     {`<verify fix="true"/>`, def, `c.xml:3: sersync/verify@fix: unknown attribute`},
		"wrong place": {`<rsync><verify/></rsync>`, confxml.Verify{}, `c.xml:3: sersync/rsync/verify: unknown element here: it is ignored; move it into <sersync>`},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confxml.Parse("c.xml", []byte("<head>\n<sersync>\n"+tt.in+"\n</sersync>\n</head>"))
			if err != nil {
				t.Fatal(err)
			}
			if conf.Verify != tt.want {
				t.Errorf("%+v, want %+v", conf.Verify, tt.want)
			}
			said := ""
			for _, w := range conf.Warnings {
				if strings.Contains(w.Element, "verify") {
					said += w.String()
				}
			}
			if !strings.HasPrefix(said, tt.said) || (tt.said == "") != (said == "") {
				t.Errorf("said %q, want %q", said, tt.said)
			}
		})
	}
}
