package edges

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/hub/identity"
)

// page is docs/many-receivers in one language.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Repository(), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example is the block of the page that contains this text; both languages have the same block.
func example(t *testing.T, holds string) string {
	t.Helper()
	fenced := regexp.MustCompile("(?ms)^```[^\n]*\n(.*?)^```$")
	find := func(name string) string {
		for _, m := range fenced.FindAllStringSubmatch(page(t, name), -1) {
			if strings.Contains(m[1], holds) {
				return m[1]
			}
		}
		t.Fatalf("docs/%s has no example with %q", name, holds)
		return ""
	}
	english, chinese := find("many-receivers.md"), find("many-receivers.zh.md")
	if english != chinese {
		t.Fatalf("the pages differ:\n%s\n%s", english, chinese)
	}
	return english
}

// with replaces texts with those of the test's site. Each text must be there.
func with(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in %q", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// TestFromPushToEdgesAndBack does to a running site what docs/many-receivers.md describes, with the
// configurations of that page. Two receivers of pushes become edges, one after the other, and then
// receivers of pushes again. Files at the source are written all the time, and the source is never
// stopped.
func TestFromPushToEdgesAndBack(t *testing.T) {
	t.Parallel()
	p := newPrograms(t)
	names := []string{"web-1", "web-2"}
	remote := map[string]string{}
	for _, name := range names {
		if err := os.MkdirAll(p.base+"/"+name+"/tree", 0o755); err != nil {
			t.Fatal(err)
		}
		d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "www", Path: p.base + "/" + name + "/tree"}}})
		remote[name] = testkit.At(d.Port(), "www")
	}
	stream := with(t, example(t, `<stream name="www"`), "nats://hub.example.com:4222", fmt.Sprintf("nats://127.0.0.1:%d", p.port),
		"/etc/sersync/source.nk", p.base+"/hub/"+identity.SourceKey, "/etc/sersync/hub-ca.pem", p.base+"/hub/"+identity.CA)
	configure := func(streams []string, remotes ...string) string {
		return testkit.Settings{Watch: p.source, Dir: p.base, Remotes: remotes, Streams: streams}.XML()
	}
	p.write(p.source+"/a/b", "1", 0o644)
	p.config = filepath.Join(p.base, "confxml.xml")
	p.app = testkit.Start(t, testkit.Options{Config: configure(nil, remote["web-1"], remote["web-2"]), Dir: p.base, File: p.config, Args: []string{"-o", p.config, "-r"}})

	stop, ended := make(chan struct{}), make(chan struct{})
	var written atomic.Int64
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			dir := fmt.Sprintf("%s/d%d", p.source, n%5)
			_ = os.MkdirAll(dir, 0o755)
			_ = os.WriteFile(fmt.Sprintf("%s/f%d", dir, n%40), []byte(fmt.Sprint(n)), 0o644)
			if n%7 == 3 {
				_ = os.Remove(fmt.Sprintf("%s/f%d", dir, (n-2)%40))
			}
			written.Add(1)
		}
	}()
	t.Cleanup(func() { <-ended })
	quit := func() { close(stop); <-ended }

	reload := func(config string) {
		t.Helper()
		p.write(p.config, config, 0o600)
		if status, out := p.sersync("--reload"); status != 0 {
			quit()
			t.Fatalf("--reload: %d %s", status, out)
		}
	}
	// First the stream is added beside the pushes.
	reload(configure([]string{stream}, remote["web-1"], remote["web-2"]))
	edge := example(t, `<edge name="web-1">`)
	for i, name := range names {
		p.follow(name, with(t, edge, "web-1", name, "hub.example.com:4222", fmt.Sprintf("127.0.0.1:%d", p.port), `dir="/srv/www"`, fmt.Sprintf(`dir="%s/%s/tree"`, p.base, name), "source.example.com", "127.0.0.1",
			`module="www"`, fmt.Sprintf(`module="tree" port="%d"`, p.rsyncd.Port()),
			fmt.Sprintf("/etc/sersync-edge/%s.nk", name), p.base+"/"+name+"/key", "/etc/sersync-edge/ca.pem", p.base+"/"+name+"/ca.pem",
			"</edge>", fmt.Sprintf(`<state dir="%s/%s/state"/><status socket="%s/%s/socket"/></edge>`, p.base, name, p.base, name)))
		p.edgeInSync(name)
		var left []string
		for _, other := range names[i+1:] {
			left = append(left, remote[other])
		}
		reload(configure([]string{stream}, left...)) // the source does not push to this receiver any more
	}
	before := written.Load()
	testkit.Eventually(t, patience, "the source is still written to", func() bool { return written.Load() > before+50 })
	p.tells("edges: 2 in sync", 0, "--status")
	for args, want := range map[string]string{"--status": "已同步", "--check": "目录树 1 个，警告 0 条", "--check --connect": "\n正常 目录树 www，上游 127.0.0.1:"} {
		testkit.Eventually(t, patience, args+" says "+want, func() bool {
			cmd := exec.CommandContext(t.Context(), testkit.Program(t, "sersync-edge"), append(strings.Fields(args), "-o", p.base+"/web-1/edge.xml")...)
			cmd.Env = append(os.Environ(), "LC_ALL=zh_CN.UTF-8")
			out, err := cmd.CombinedOutput()
			return err == nil && strings.Contains(string(out), want)
		})
	}

	// On the way back the pushes are added beside the stream, then the edges end, then the stream
	// is removed.
	reload(configure([]string{stream}, remote["web-1"], remote["web-2"]))
	p.tells("in sync", 0, "--status")
	for _, name := range names {
		p.edges[name].end(syscall.SIGTERM)
	}
	reload(configure(nil, remote["web-1"], remote["web-2"]))
	before = written.Load()
	testkit.Eventually(t, patience, "the source is still written to", func() bool { return written.Load() > before+50 })
	quit()
	p.equal(names...)
	if code := p.app.Stop(); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
}

// follow makes an edge with this configuration of a receiver of pushes.
func (p *programs) follow(name, config string) {
	p.Helper()
	dir := p.base + "/" + name
	p.printed(name, dir)
	p.write(dir+"/edge.xml", config, 0o644)
	var out []byte
	if !testkit.Poll(patience, func() (ok bool) {
		var err error
		out, err = exec.CommandContext(p.Context(), testkit.Program(p.T, "sersync-edge"), "--check", "--connect", "-o", dir+"/edge.xml").CombinedOutput()
		return err == nil
	}) {
		p.Errorf("%s:\n%s", name, out)
	}
	p.edges[name] = p.spawn(testkit.Program(p.T, "sersync-edge"), "-o", dir+"/edge.xml")
}

// edgeInSync waits until an edge reports that it is in sync.
func (p *programs) edgeInSync(name string) {
	p.Helper()
	testkit.Eventually(p.T, patience, name+" is in sync", func() bool {
		return exec.CommandContext(p.Context(), testkit.Program(p.T, "sersync-edge"), "--status", "-o", p.base+"/"+name+"/edge.xml").Run() == nil
	})
}
