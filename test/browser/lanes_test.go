package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/test/browser/chrome"
	"github.com/sersync/sersync/test/browser/demo"
)

// TestTwoHundredLanes: a table of two hundred lanes shows the failing ones first, is filtered by
// what a person types, and is drawn in time.
func TestTwoHundredLanes(t *testing.T) {
	v := openOn(t, demo.NewMany(200), desktop(), true)
	v.see("#kinds", "All200")
	if n := strings.Count(v.text("tr.lane .remote"), "\n") + 1; n != 200 {
		t.Errorf("%d lanes are shown", n)
	}
	first := strings.Split(v.text("tr.lane .chip"), "\n")
	failing := strings.Count(strings.Join(first, " "), "backing off")
	for i := range failing {
		if first[i] != "backing off" {
			t.Errorf("row %d of %d that fail is %s", i, failing, first[i])
		}
	}
	v.filter("10.0.1.7::")
	v.see("#rows", "10.0.1.7::www")
	if n := strings.Count(v.text("tr.lane .remote"), "\n") + 1; n != 1 {
		t.Errorf("the filter shows %d lanes", n)
	}
	v.filter("nothing")
	v.see("#no-lanes:not([hidden])", "No lane matches")
	v.filter("")
	v.run(chromedp.Click(`.kind[data-kind="failing"]`))
	v.see(`.kind[data-kind="failing"][aria-pressed="true"]`, "Failing")
	if n := strings.Count(v.text("tr.lane .remote"), "\n") + 1; n != failing {
		t.Errorf("%d of %d failing lanes are shown", n, failing)
	}
	v.calm()
}

// filter types a text by which the table is filtered.
func (v *visit) filter(text string) {
	v.t.Helper()
	v.run(chromedp.Evaluate(fmt.Sprintf(`{ const f = document.querySelector("#filter"); f.value = %q; f.dispatchEvent(new Event("input")); }`, text), nil))
}

// drawTime is how long the browser may take to draw two hundred lanes, from the answer to the
// layout. It is processor time, so that other processes on the machine do not count.
const drawTime = 200 * time.Millisecond

// TestTwoHundredLanesAreDrawnInTime measures how long it takes to read the answer and to draw the
// whole table.
func TestTwoHundredLanesAreDrawnInTime(t *testing.T) {
	v := openOn(t, demo.NewMany(200), desktop(), true)
	v.run(performance.Enable().WithTimeDomain(performance.EnableTimeDomainThreadTicks),
		chromedp.Evaluate(fmt.Sprintf(`(async () => {
			const answer = await (await fetch("api/status?brief", {headers: {Authorization: "Bearer %s"}})).text();
			const { show } = await import("./lanes.js");
			window.draw = () => {
				document.querySelector("#rows").replaceChildren();
				const last = JSON.parse(answer);
				show(last, null, Date.parse(last.now));
				return document.querySelector("#rows").getBoundingClientRect().height;
			};
		})()`, token), nil, awaitPromise))
	best := time.Hour
	for range 5 {
		before := v.taskTime()
		var height float64
		v.run(chromedp.Evaluate(`draw()`, &height))
		if height < 200*20 {
			t.Fatalf("the table is only %.0f pixels high", height)
		}
		best = min(best, v.taskTime()-before)
	}
	t.Logf("drawn in %v", best)
	if best > drawTime {
		t.Errorf("200 lanes are drawn in %v, want %v", best, drawTime)
	}
	v.calm()
}

// taskTime is the processor time that the page has used.
func (v *visit) taskTime() time.Duration {
	v.t.Helper()
	var total time.Duration
	v.run(chromedp.ActionFunc(func(ctx context.Context) error {
		metrics, err := performance.GetMetrics().Do(ctx)
		for _, m := range metrics {
			if m.Name == "TaskDuration" {
				total = time.Duration(m.Value * float64(time.Second))
			}
		}
		return err
	}))
	return total
}

// TestWhereIsAFile: the search asks the remotes and shows what each of them has.
func TestWhereIsAFile(t *testing.T) {
	v := openOn(t, demo.NewFailing(), desktop(), true)
	v.find("/data/www/site/a/page-017.html")
	v.see(".found-head", "/data/www/site/a/page-017.html: file, 47.1")
	v.see(".places .chip", "the same")
	v.see(".places .chip", "not asked")
	v.see(".places .place-notes", "the remote refuses the connection")
	v.see(".places .place-notes", "Waiting for")
	v.find("/data/uploads/x")
	v.see(".places .chip", "older")
	v.find("/elsewhere")
	v.see(".found-head", "the watch roots are: /data/www")
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.trouble {
		if !strings.Contains(s, "404") { // the browser itself logs the refused request
			t.Errorf("console: %s", s)
		}
	}
}

// TestSearchNeedsTheToken: a reader who may not see names is asked for the token, and learns of no
// file whether it exists.
func TestSearchNeedsTheToken(t *testing.T) {
	v := open(t, desktop(), false)
	v.find("/data/www/site/a/page-017.html")
	v.see("#token-dialog[open]", "token")
	if strings.Contains(v.text("#found .places"), "10.0.0") {
		t.Error("the search answers without the token")
	}
}

func (v *visit) find(path string) {
	v.t.Helper()
	v.run(chromedp.Evaluate(fmt.Sprintf(`document.querySelector("#find-path").value = %q; document.querySelector("#find button").click()`, path), nil))
}

// TestRemediesAreCopied: the button copies the whole command, including the lane's name.
func TestRemediesAreCopied(t *testing.T) {
	source := demo.NewFailing()
	source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		s.Lanes[0].State = status.LaneDegraded
		s.Lanes[0].Differences = []status.Difference{{Kind: status.Differing, Count: 3, Since: time.Now(), Remedy: status.Differing.Remedy(), Names: []string{"a"}}}
	})
	v := openOn(t, source, desktop(), true)
	v.openLane("10.0.0.2::www")
	const want = "sersync --resync='/data/www#10.0.0.2::www' -o /etc/sersync/confxml.xml"
	v.see("tr.opened .command code", want)
	v.run(chromedp.Evaluate(`navigator.clipboard.writeText = (s) => { document.title = s; window.copied = s; return Promise.resolve(); };
		[...document.querySelectorAll("tr.opened .command")].find(e => e.textContent.includes("--resync")).querySelector("button").click()`, nil))
	v.see("tr.opened .copy", "Copied")
	var copied string
	v.run(chromedp.Evaluate(`window.copied`, &copied))
	if copied != want {
		t.Errorf("copied %q, want %q", copied, want)
	}
}

// axeFile is the accessibility checker, which npm ci installs there.
const axeFile = "node_modules/axe-core/axe.min.js"

// TestAccessible has axe-core check the page in each theme, size and language, with every part
// opened.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("%v; run npm ci in test/browser", err)
	}
	for name, look := range map[string]chrome.Look{
		"light":   desktop(),
		"dark":    {Width: 1200, Height: 900, Dark: true, Language: "en-US"},
		"phone":   {Width: 360, Height: 740, Language: "en-US"},
		"chinese": {Width: 360, Height: 740, Dark: true, Language: "zh-CN"},
	} {
		t.Run(name, func(t *testing.T) {
			source := demo.NewFailing()
			source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
				s.Roots[1].State, s.Roots[1].Reason = status.RootBraked, "the watch root is empty"
				s.Notes = []status.Note{{Subject: "a note", Reason: "why", Remedy: "what to do"}}
				s.ConfigProblems = []status.ConfigProblem{{Line: 3, Element: "e", Message: "m", Remedy: "r"}}
			})
			v := openOn(t, source, look, true)
			v.openLane("10.0.0.3::www")
			v.see("tr.opened .causes", "Permission denied")
			v.find("/data/www/site/a/page-017.html")
			v.see(".places .name", "10.0.0.2::www")
			v.run(chromedp.Evaluate(string(axe), nil))
			var report string
			v.run(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).slice(0, 4)}))))`, &report, awaitPromise))
			var violations []struct {
				ID, Help string
				Nodes    []string
			}
			if err := json.Unmarshal([]byte(report), &violations); err != nil {
				t.Fatal(err)
			}
			for _, x := range violations {
				t.Errorf("%s: %s\n  %s", x.ID, x.Help, strings.Join(x.Nodes, "\n  "))
			}
			v.calm()
		})
	}
}

// TestHeldInBusyHours: the table and the opened lane show which work busy hours hold, and until
// when. Meanwhile the lane is not in sync.
func TestHeldInBusyHours(t *testing.T) {
	source := demo.New()
	until := time.Now().Add(26 * time.Hour).Truncate(time.Second)
	source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		l := &s.Lanes[0]
		l.State, l.Pending, l.OldestPending = status.LaneSyncing, 1, time.Now()
		l.Reason, l.NextTry = "busy hours: large files wait until they are over", until
	})
	v := openOn(t, source, desktop(), true)
	said := "busy hours: large files wait until they are over"
	v.see("#rows .row-why", said+", until "+until.Format("2006-01-02 15:04:05"))
	if got := v.text("#verdict"); strings.Contains(got, "in sync") {
		t.Errorf("the verdict is %q", got)
	}
	v.openLane("10.0.0.2::www")
	v.see("tr.opened .why", "until "+until.Format("2006-01-02"))
	v.calm()
}
