package edges

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// cut is a way in which the link to another host stops working, without a sign to the connections
// that go over it.
type cut struct {
	name       string
	begin, end func(*testkit.Island)
}

func cuts() []cut {
	return []cut{
		{"packets vanish", (*testkit.Island).Lose, (*testkit.Island).Find},
		{"link down", (*testkit.Island).Unplug, (*testkit.Island).Plug},
	}
}

// TestLinkToAnEdgeIsCut: an edge runs on a host of its own, a network namespace behind one link.
// The link is cut while files at the source are changed without a pause. The edge reports that it
// does not hear the hub, and the source that the edge is behind; neither reports that it is in
// sync. The other edge does not notice anything. Once the link works again the edge gets everything
// that it has missed.
func TestLinkToAnEdgeIsCut(t *testing.T) {
	testkit.Long(t)
	for _, c := range cuts() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			far := testkit.NewIsland(t)
			p := newProgramsAt(t, far.Near())
			kept := p.seed()
			p.startSource()
			p.addEdge("near")
			p.addEdgeAs("far", far.Program(t, testkit.Program(t, "sersync-edge")))
			p.equal("near", "far")
			p.tells("edges: 2 in sync", 0, "--status")
			held := kept.on("far")

			quiet := p.churn()
			c.begin(far)
			p.edgeTells("far", 2, "the hub does not answer", "remedy: start sersync-hub there, or correct url=")
			p.tells("far: behind", 0, "--status")
			p.write(p.source+"/during", "1", 0o644)
			p.write(p.source+"/during-large", noise(300_000), 0o644)
			p.drop("gone")
			testkit.Eventually(t, patience, "the other edge goes on", func() bool {
				return testkit.Exists(p.base+"/near/tree/during") && testkit.Exists(p.base+"/near/tree/during-large") && !testkit.Exists(p.base+"/near/tree/gone")
			})
			p.tells("not yet on 1 of 2 edges: far", 1, "--where", p.source+"/during")
			p.edgeTells("far", 2, "the hub does not answer")
			p.tells("edges: 1 in sync, 1 ", 0, "--status")
			if testkit.Exists(p.base+"/far/tree/during") || !testkit.Exists(p.base+"/far/tree/gone") {
				t.Error("the link was not cut")
			}
			c.end(far)
			quiet()
			p.equal("near", "far")
			p.edgeTells("far", 0, "in sync")
			p.tells("edges: 2 in sync", 0, "--status")
			held.stay()
		})
	}
}

// TestLinkToTheSourceIsCut: the source runs on a host of its own, and the link to it is cut while
// files at the source are changed. The source reports that the hub does not answer, and the edge
// keeps all its files. Once the link works again everything arrives.
func TestLinkToTheSourceIsCut(t *testing.T) {
	testkit.Long(t)
	for _, c := range cuts() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			far := testkit.NewIsland(t)
			p := newProgramsAt(t, far.Near())
			kept := p.seed()
			p.startSourceAs(far.Program(t, testkit.Build(t)))
			p.addEdge("edge")
			p.equal("edge")
			p.tells("edges: 1 in sync", 0, "--status")
			held := kept.on("edge")

			quiet := p.churn()
			c.begin(far)
			p.write(p.source+"/during", "1", 0o644)
			p.write(p.source+"/during-large", noise(300_000), 0o644)
			p.drop("gone")
			p.tells("the hub does not answer", 2, "--status")
			if status, out := p.sersync("--where", p.source+"/during"); status == 0 {
				t.Errorf("the source says that the edge has what it has not published:\n%s", out)
			}
			if testkit.Exists(p.base+"/edge/tree/during") || !testkit.Exists(p.base+"/edge/tree/gone") {
				t.Error("the link was not cut")
			}
			c.end(far)
			quiet()
			p.equal("edge")
			p.edgeTells("edge", 0, "in sync")
			p.tells("edges: 1 in sync", 0, "--status")
			held.stay()
		})
	}
}

// seeded are files that nobody changes or deletes.
type seeded struct {
	p     *programs
	names []string
}

// seed writes files that stay, and one file that is deleted later.
func (p *programs) seed() seeded {
	p.Helper()
	kept := seeded{p, []string{"kept/small", "kept/large", "kept/deep/er/f"}}
	for _, name := range kept.names {
		p.write(p.source+"/"+name, name, 0o644)
	}
	p.write(p.source+"/kept/large", noise(100_000), 0o644)
	p.write(p.source+"/gone", "1", 0o644)
	return kept
}

// drop deletes a file of the source.
func (p *programs) drop(name string) {
	p.Helper()
	if err := os.Remove(p.source + "/" + name); err != nil {
		p.Fatal(err)
	}
}

// held are the seeded files as an edge has them.
type held struct {
	t    *testing.T
	were map[string]os.FileInfo
}

func (s seeded) on(edge string) held {
	s.p.Helper()
	h := held{s.p.T, map[string]os.FileInfo{}}
	for _, name := range s.names {
		at := s.p.base + "/" + edge + "/tree/" + name
		info, err := os.Stat(at)
		if err != nil {
			s.p.Fatal(err)
		}
		h.were[at] = info
	}
	return h
}

// stay checks that each file is still the same one, so it was not deleted meanwhile.
func (h held) stay() {
	h.t.Helper()
	for at, was := range h.were {
		if info, err := os.Stat(at); err != nil || !os.SameFile(was, info) {
			h.t.Errorf("%s was deleted meanwhile: %v", at, err)
		}
	}
}

// churn changes files at the source without a pause until the returned function is called.
func (p *programs) churn() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			dir := fmt.Sprintf("%s/churn%d", p.source, n%5)
			_ = os.MkdirAll(dir, 0o755)
			size := 100
			if n%9 == 0 {
				size = 100_000
			}
			_ = os.WriteFile(fmt.Sprintf("%s/f%d", dir, n%40), []byte(noise(size)), 0o644)
			if n%7 == 3 {
				_ = os.Remove(fmt.Sprintf("%s/f%d", dir, (n-2)%40))
			}
		}
	}()
	p.Cleanup(stop)
	return stop
}

// edgeTells waits until sersync-edge --status prints all of these texts and ends with this exit
// status.
func (p *programs) edgeTells(name string, status int, want ...string) {
	p.Helper()
	var got int
	var out []byte
	if !testkit.Poll(patience, func() bool {
		cmd := exec.CommandContext(p.Context(), testkit.Program(p.T, "sersync-edge"), "--status", "-o", p.base+"/"+name+"/edge.xml")
		out, _ = cmd.CombinedOutput()
		got = cmd.ProcessState.ExitCode()
		for _, text := range want {
			if !strings.Contains(string(out), text) {
				return false
			}
		}
		return got == status
	}) {
		p.Errorf("status %d in the place of %d, or not all of %q in\n%s", got, status, want, out)
	}
}
