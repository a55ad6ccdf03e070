package edgexml

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/words"
)

const whole = `<?xml version="1.0"?>
<edge name="web-1">
  <stream url="tls://hub:4222" creds="/etc/c" ca="/etc/ca"/>
  <state dir="/state"/>
  <status socket="/run/s" listen="127.0.0.1:1"/>
  <log level="debug"/>
  <plugin name="command"><filter start="true"><include expression="x"/></filter><param prefix="/bin/true"/></plugin>
  <tree name="www" dir="/srv/www" deletions="said" adopt="true" serves="true">
    <upstream host="src" module="www" user="u" passwordfile="/etc/p"/>
    <upstream host="m1" port="8873" module="www" mirror="web-2"/>
    <plugin name="command"/>
  </tree>
</edge>`

func TestWhole(t *testing.T) {
	c, problems := Parse("edge.xml", []byte(whole))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.Name != "web-1" || c.Stream.URL != "tls://hub:4222" || c.Stream.Creds != "/etc/c" || c.State != "/state" || c.Status.Listen != "127.0.0.1:1" || c.Log.Level != "debug" {
		t.Errorf("%+v", c)
	}
	if len(c.Trees) != 1 || len(c.Plugins) != 1 || c.Plugins[0].Attributes["param/prefix"].Value != "/bin/true" || !c.Plugins[0].FilterOn || c.Plugins[0].Include[0].Text != "x" {
		t.Fatalf("%+v", c)
	}
	tree := c.Trees[0]
	if tree.Name != "www" || tree.Dir != "/srv/www" || tree.Deletions != DeleteSaid || !tree.Adopt || !tree.Serves || tree.Line != 8 || len(tree.Plugins) != 1 {
		t.Errorf("%+v", tree)
	}
	if len(tree.Upstreams) != 2 || tree.Upstreams[0].Name() != "src/www" || tree.Upstreams[1].Name() != "m1:8873/www" || tree.Upstreams[1].Mirror != "web-2" {
		t.Errorf("%+v", tree.Upstreams)
	}
}

func TestDefaults(t *testing.T) {
	c, problems := Parse("edge.xml", []byte(`<edge name="a"><stream url="nats://h" creds="/c"/><tree name="t" dir="/d"><upstream host="h" module="m"/></tree></edge>`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.State != "/var/lib/sersync-edge" || c.Status.Socket != "/run/sersync-edge/socket" || c.Status.Listen != "" || c.Trees[0].Deletions != DeleteAll || c.Trees[0].Adopt {
		t.Errorf("%+v", c)
	}
}

// Each mistake is reported with its line and a remedy.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{`name="web-1"`, ``, `edge.xml:2: <edge> name: it is missing`},
		{`name="web-1"`, `name="a b"`, `edge.xml:2: <edge> name: "a b" holds`},
		{`</edge>`, ``, `edge.xml:13: it is not XML`},
		{`<edge name="web-1">`, `<head>`, `edge.xml:13: it is not XML`},
		{`url="tls://hub:4222"`, `url="hub"`, `edge.xml:3: <stream> url: "hub" is no address`},
		{`url="tls://hub:4222"`, ``, `edge.xml:3: <stream> url: it is missing`},
		{`<state dir="/state"/>`, `<state dir="state"/>`, `edge.xml:4: <state> dir: "state" is not absolute`},
		{`<log level="debug"/>`, `<log level="loud"/>`, `edge.xml:6: <log> level: "loud" is unknown`},
		{`<log level="debug"/>`, `<lock/>`, `edge.xml:6: <lock>: it has no meaning`},
		{`<log level="debug"/>`, `<state/>`, `edge.xml:6: <state>: it is there twice`},
		{`deletions="said"`, `deletions="some"`, `edge.xml:8: <tree> deletions: "some" is unknown`},
		{`adopt="true"`, `adoption="true"`, `edge.xml:8: <tree> adoption: it has no meaning`},
		{`port="8873"`, `port="x"`, `edge.xml:10: <tree/upstream> port: "x" is no port`},
		{`mirror="web-2"`, `mirror="web-1"`, `edge.xml:10: <tree/upstream> mirror: the edge would fetch from itself`},
		{`passwordfile="/etc/p"`, ``, `edge.xml:9: <tree/upstream> passwordfile: a user without`},
		{`host="src"`, `host="-oProxy"`, `edge.xml:9: <tree/upstream> host: "-oProxy" is no host`},
		{`<plugin name="command"/>`, `<plugin name="http"/>`, `edge.xml:11: <tree/plugin> name: there is no <plugin name="http">`},
		{`<plugin name="command"><filter`, `<plugin name="socket"><filter`, `edge.xml:7: <plugin> name: "socket" is unknown`},
		{`</tree>`, `</tree><tree name="www" dir="/srv/www/x"><upstream host="h" module="m"/></tree>`, `edge.xml:12: <tree> name: line 8 follows`},
		{`</tree>`, `</tree><tree name="w" dir="/srv/www/x"><upstream host="h" module="m"/></tree>`, `edge.xml:12: <tree> dir: /srv/www/x and /srv/www of line 8`},
	} {
		_, problems := Parse("edge.xml", []byte(strings.Replace(whole, c.old, c.now, 1)))
		var said []string
		for _, p := range problems {
			said = append(said, p.String())
		}
		if !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s for %s: %q, want %q", c.now, c.old, said, c.want)
		}
		for _, p := range problems {
			if p.Message == "" || p.Remedy == "" {
				t.Errorf("%+v", p)
			}
			translated(t, p)
		}
	}
	for _, text := range []string{"", "<!-- -->", "<head/>", "<edge/><edge/>", "<edge name='a'/>", "<edge name='a'><tree name='a b' dir='/d'/></edge>", strings.Repeat("<edge>", maxDepth+1)} {
		_, problems := Parse("edge.xml", []byte(text))
		if len(problems.Fatal()) == 0 {
			t.Errorf("%q is accepted", text)
		}
		for _, p := range problems {
			translated(t, p)
		}
	}
	p := Problem{File: "edge.xml", Line: 7, Element: "plugin/param@prefix", Message: "is not known; add it", Remedy: "see docs/plugins.md"}
	if got := p.Chinese(); got != "edge.xml:7: <plugin/param> prefix: 未知; 添加它; 见 docs/plugins.md" {
		t.Errorf("of a plugin: %q", got)
	}
}

func translated(t *testing.T, p Problem) {
	t.Helper()
	if words.Chinese(p.Message) == p.Message || words.Chinese(p.Remedy) == p.Remedy || !strings.HasPrefix(p.Chinese(), p.at()+": ") {
		t.Errorf("not in Chinese: %s", p.Chinese())
	}
}

func TestReferenceNamesEverything(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		text := Reference(lang)
		for _, e := range elements {
			for _, a := range e.attributes {
				if !strings.Contains(text, "`<"+e.path+">` | `"+a.name+"`") || a.en == "" || a.zh == "" {
					t.Errorf("%s: no %s of %s", lang, a.name, e.path)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("<edge><tree/><tree/></edge>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := Parse("f", data)
		if len(problems.Fatal()) == 0 && (c.Name == "" || len(c.Trees) == 0 || c.Stream.URL == "") {
			t.Errorf("%q is accepted: %+v", data, c)
		}
	})
}

// The configuration that the packages install is read without a complaint.
func TestExample(t *testing.T) {
	conf, problems, err := Load("../../../examples/edge/edge.xml")
	if err != nil || len(problems) > 0 || conf.Trees[0].Name != "www" {
		t.Errorf("%v, %v, %+v", err, problems, conf)
	}
}
