package confxml_test

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestTLS: a remote with tls= never gets a connection without TLS.
func TestTLS(t *testing.T) {
	for attributes, c := range map[string]struct {
		want    *confxml.TLS
		refused string // a part of the problem; empty: there is none
	}{
		``:                   {nil, ""},
		`tls="false"`:        {nil, ""},
		`tls="false" ca="x"`: {nil, ""},
		`tls="true"`:         {&confxml.TLS{}, ""},
		`tls="true" ca="a" certificate="b" key="c" servername="d"`: {&confxml.TLS{CA: "a", Certificate: "b", Key: "c", ServerName: "d"}, ""},
		`tls="true" certificate="b"`:                               {&confxml.TLS{Certificate: "b"}, ""},
		`tls="yes"`:                                                {nil, `"yes" is neither true nor false`},
		`tls=""`:                                                   {nil, `"" is neither true nor false`},
		`ca="a" servername="d"`:                                    {nil, "ca=, servername= is there"},
		`tls="true" key="c"`:                                       {&confxml.TLS{Key: "c"}, "without certificate="},
		`tls="true" ssh="true"`:                                    {&confxml.TLS{}, "ssh is on"},
	} {
		t.Run(attributes, func(t *testing.T) {
			conf, err := confxml.Parse("c.xml", []byte("<head><sersync>\n<localpath watch=\"/w\">\n<remote ip=\"h\" name=\"m\" "+attributes+"/></localpath></sersync></head>"))
			if err != nil {
				t.Fatal(err)
			}
			got := conf.LocalPaths[0].Remotes[0].TLS
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("%+v", got)
			}
			var refused []string
			for _, w := range conf.Warnings {
				if w.Severity == confxml.Refusal {
					refused = append(refused, w.String())
				}
			}
			text := strings.Join(refused, "\n")
			if (text == "") != (c.refused == "") || !strings.Contains(text, c.refused) || text != "" && !strings.Contains(text, "c.xml:3: sersync/localpath/remote@tls: ") {
				t.Errorf("refused: %s", text)
			}
		})
	}
}
