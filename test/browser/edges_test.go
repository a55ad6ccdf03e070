package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/test/browser/demo"
)

// TestEdges: the lane of a stream shows how many edges are in each state. Edges in trouble come
// first, with reason and remedy. An edge can be found by its name. The search for a file shows the
// edges that lack it.
func TestEdges(t *testing.T) {
	source := demo.New()
	lane := source.Streams(200)
	v := openOn(t, source, desktop(), true)
	v.see("tr.lane .row-why", "2 of 200 edges are in trouble or silent")
	v.see("#verdict", "Catching up")
	v.openLane("stream:www")
	v.see("tr.opened", "196 in sync")
	v.see("tr.opened", "1 behind")
	v.see(".edges .name", "edge-042")
	v.see(".edges .note-text", "the disk of the directory is full")
	v.see(".edges .note-text", "make room there; the edge goes on by itself")
	if names := strings.Split(v.text(".edges .name"), "\n"); len(names) < 20 || names[0] != "edge-042" || names[1] != "edge-107" {
		t.Errorf("edges are listed in the order %q", names)
	}
	v.run(chromedp.Evaluate(`{ const f = document.querySelector(".edge-find"); f.value = "EDGE-19"; f.dispatchEvent(new Event("input")); }`, nil))
	v.see(".edges .name", "edge-199")
	if names := v.text(".edges .name"); strings.Count(names, "edge-19") != 10 || strings.Contains(names, "edge-042") {
		t.Errorf("the search shows %q", names)
	}
	source.Change(func(snap *status.Snapshot, _ []*status.Recorder) { snap.Lanes[lane].Edges = demo.Edges(200, false) })
	v.see("#verdict", "Everything is in sync")
	v.see("tr.opened", "200 in sync")
	v.calm()
}

// TestEdgesThatLieShowNoMarkup: a report of an edge is shown as text, never as markup.
func TestEdgesThatLieShowNoMarkup(t *testing.T) {
	source := demo.New()
	lane := source.Streams(1)
	source.Change(func(snap *status.Snapshot, _ []*status.Recorder) {
		snap.Lanes[lane].Edges = status.EdgesOf([]status.Edge{{
			Name: "evil", State: status.EdgeTroubled, Reason: `<img src=x onerror="document.title='taken'">`, Remedy: "\u202egpj", Heard: time.Now(),
		}}, 0, status.EdgesLimit)
	})
	v := openOn(t, source, desktop(), true)
	v.openLane("stream:www")
	v.see(".edges .note-text", "<img src=x")
	var pictures int
	v.run(chromedp.Evaluate(`document.querySelectorAll(".edges img").length`, &pictures))
	if title := v.text("title"); pictures != 0 || strings.Contains(title, "taken") {
		t.Errorf("%d pictures, title %q", pictures, title)
	}
	if note := v.text(".edges .note-text"); strings.Contains(note, "\u202e") {
		t.Error("a report turns the text around:", fmt.Sprintf("%q", note))
	}
	v.calm()
}
