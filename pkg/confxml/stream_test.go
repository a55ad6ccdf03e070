package confxml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestStream(t *testing.T) {
	defaults := confxml.Stream{Line: 2, Name: "web", URL: "nats://127.0.0.1:4222", Creds: "k", Keep: 168 * time.Hour, Size: 1 << 30, Replicas: 1}
	all := confxml.Stream{Line: 2, Name: "web", URL: "nats://a,b", Creds: "k", CA: "c", Keep: time.Hour, Size: 5 << 20, Replicas: 3}
	unnamed, keyless := defaults, defaults
	unnamed.Name, keyless.Creds = "a.b", ""
	for name, tt := range map[string]struct {
		in   string
		want confxml.Stream
		said string
		ends bool // whether the mistake keeps the program from starting
	}{
		"defaults":   {`name="web" creds="k"`, defaults, "", false},
		"all":        {`name="web" creds="k" url="nats://a,b" ca="c" keep="1" size="5" replicas="3"`, all, "", false},
		"a bad name": {`name="a.b" creds="k"`, unnamed, `c.xml:2: sersync/localpath/stream@name: "a.b" is no name of a tree`, true},
		"no key":     {`name="web"`, keyless, "c.xml:2: sersync/localpath/stream@creds: missing or empty", true},
		"even":       {`name="web" creds="k" replicas="2"`, defaults, "c.xml:2: sersync/localpath/stream@replicas: 2 is none of 1, 3, 5: 1 is used", false},
		"no size":    {`name="web" creds="k" size="no"`, defaults, `c.xml:2: sersync/localpath/stream@size: "no" is not a number of at least 1: 1024 is used`, false},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confxml.Parse("c.xml", []byte("<head><sersync><localpath watch=\"/d\">\n<stream "+tt.in+"/></localpath></sersync></head>"))
			if err != nil {
				t.Fatal(err)
			}
			if got := conf.LocalPaths[0].Streams; len(got) != 1 || got[0] != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			said := ""
			for _, w := range conf.Warnings {
				if strings.Contains(w.Element, "stream") {
					said += w.String()
				}
			}
			if !strings.HasPrefix(said, tt.said) || (tt.said == "") != (said == "") || (confxml.Fatal(conf.Warnings) != nil) != tt.ends {
				t.Errorf("said %q, want %q", said, tt.said)
			}
			if err := conf.ValidateSync(); err != nil {
				t.Error("a stream instead of a remote:", err)
			}
		})
	}
}
