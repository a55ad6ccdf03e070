package browser

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statuspage"
	"github.com/sersync/sersync/test/browser/chrome"
	"github.com/sersync/sersync/test/browser/demo"
)

const token = "0123456789-browser-token"

// visit is one browser that looks at one server.
type visit struct {
	t      *testing.T
	tab    context.Context
	source *demo.Source
	url    string
	stop   func() // ends the server and waits until it has ended

	mu       sync.Mutex
	trouble  []string // console errors, exceptions and failed requests; guarded by mu
	requests []string // guarded by mu
}

// open starts a browser and a server that shows a demo state. The browser has the token if
// withToken is set.
func open(t *testing.T, look chrome.Look, withToken bool) *visit {
	t.Helper()
	return openOn(t, demo.New(), look, withToken)
}

// openOn is open with a state of the caller's.
func openOn(t *testing.T, source *demo.Source, look chrome.Look, withToken bool) *visit {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	host := confxml.Host{Page: true, Port: port, TokenFile: file}
	go func() { done <- statuspage.New(statuspage.Options{Host: host, Inquiries: source}, source).Run(ctx) }()
	stopServer := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(stopServer)
	deadline, endDeadline := context.WithTimeout(context.Background(), 90*time.Second)
	tab, stop, err := chrome.Start(deadline, look)
	if err != nil {
		endDeadline()
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); endDeadline() })
	v := &visit{t: t, tab: tab, source: source, stop: stopServer, url: fmt.Sprintf("http://127.0.0.1:%d/", port)}
	chromedp.ListenTarget(tab, v.listen)
	start := v.url
	if withToken {
		start += "#token=" + token
	}
	v.run(network.Enable(), log.Enable(), runtime.Enable(), chromedp.Navigate(start), chromedp.WaitVisible("tr.lane .chip"))
	return v
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// listen collects everything that the browser's console would show in red.
func (v *visit) listen(ev any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		v.trouble = append(v.trouble, "exception: "+e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			v.trouble = append(v.trouble, fmt.Sprintf("console.%s %v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			v.trouble = append(v.trouble, fmt.Sprintf("%s %s", e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, e.Request.URL)
	}
}

func (v *visit) run(actions ...chromedp.Action) {
	v.t.Helper()
	if err := chromedp.Run(v.tab, actions...); err != nil {
		v.t.Fatalf("browser: %v", err)
	}
}

func (v *visit) text(selector string) string {
	v.t.Helper()
	var out string
	v.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent).join("\n")`, selector), &out))
	return out
}

// see waits until the text of the element that selector matches contains want.
func (v *visit) see(selector, want string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.tab, 10*time.Second)
	defer cancel()
	script := fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, want)
	if err := chromedp.Run(ctx, chromedp.Poll(script, nil, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		v.t.Fatalf("%s never shows %q but %q: %v", selector, want, v.text(selector), err)
	}
}

// calm fails the test if the browser has reported any error, or has sent a request to a host other
// than the server.
func (v *visit) calm() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.trouble {
		v.t.Errorf("console: %s", s)
	}
	for _, u := range v.requests {
		if !strings.HasPrefix(u, v.url) {
			v.t.Errorf("request to %s", u)
		}
	}
	if len(v.requests) < 5 {
		v.t.Errorf("only %d requests were seen: %v", len(v.requests), v.requests)
	}
}

// openLane opens the lane with this remote, or closes it if it is open.
func (v *visit) openLane(remote string) {
	v.t.Helper()
	v.see("tr.lane .remote", remote)
	v.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll("tr.lane")].find(e => e.querySelector(".remote").textContent.includes(%q)).querySelector(".open").click()`, remote), nil))
}

func desktop() chrome.Look { return chrome.Look{Width: 1200, Height: 900, Language: "en-US"} }

func TestPageFollowsWhatHappens(t *testing.T) {
	v := open(t, desktop(), true)
	v.see("#verdict", "Everything is in sync")
	v.see("#because", "4 of 4 lanes in sync")
	v.see(".fact dd", "20,393")

	v.source.Sent(0, "fresh/article.html")
	v.openLane("10.0.0.2::www")
	v.see(".transfers .name", "fresh/article.html")
	v.see(".transfers .note-text", "sent, 12.1")

	v.source.Kill(1)
	v.see("#verdict", "Needs attention")
	v.see("#because", "/data/www to 10.0.0.3::www: backing off")
	v.see(`tr.lane[data-tone="bad"] .row-why`, "the remote refuses the connection")
	v.see("tr.lane:first-child .remote", "10.0.0.3::www") // lanes that fail come first
	v.openLane("10.0.0.3::www")
	v.see(`tr.opened[data-tone="bad"] .callout`, "the remote refuses the connection")
	v.see(`tr.opened[data-tone="bad"] .callout`, "start the rsync daemon")
	v.see(".causes", "Permission denied")
	v.see(".causes .names", "site/b/locked.html")
	v.see(".causes .command code", "cd /data/www && rsync")
	v.see(".pending .name", "site/a/page-000.html")
	v.see(".deletions .name", "site/old/archive-12.html")
	v.see(".verify .note-text", "2 differing")
	v.see("title", "Needs attention")

	v.source.FullSync(3)
	v.openLane("sync@10.8.0.5")
	v.see(".progress", "118,400 of 204,310")

	v.source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		l := &s.Lanes[1]
		l.State, l.Pending, l.Reason, l.Detail, l.Remedy = status.LaneInSync, 0, "", "", ""
		s.Lanes[3].State, s.Lanes[3].Pending, s.Lanes[3].Progress = status.LaneInSync, 0, nil
		s.Lanes = append(s.Lanes[:2:2], s.Lanes[3])
		s.Roots[1].State = status.RootGone
	})
	v.see("#because", "/data/uploads: gone")
	v.see(".roots .chip", "gone")
	v.see("#kinds .count", "3")
	if n := strings.Count(v.text("tr.lane .remote"), "\n") + 1; n != 3 {
		t.Errorf("%d lanes are shown, want 3", n)
	}
	v.calm()
}

func TestNotesAreShownUntilTheyAreOver(t *testing.T) {
	v := open(t, desktop(), true)
	v.source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		s.Notes = []status.Note{{
			Subject: "state not saved, a restart will compare more", Reason: "no space left on device",
			Remedy: "free space in the file system of /var/lib/sersync, or name another place in <state dir>",
		}}
	})
	v.see("#notes h2", "Notes")
	v.see("#note-list li strong", "state not saved")
	v.see("#note-list li", "no space left on device")
	v.run(chromedp.Click("#lang"))
	v.see("#notes h2", "\u6ce8\u610f\u4e8b\u9879")
	v.see("#note-list li strong", "\u72b6\u6001\u672a\u80fd\u4fdd\u5b58")
	v.see("#note-list li .remedy", "\u6e05\u7406 /var/lib/sersync")
	v.source.Change(func(s *status.Snapshot, _ []*status.Recorder) { s.Notes = nil })
	v.see("#notes[hidden]", "")
	v.calm()
}

func TestPageSaysWhenNobodyAnswers(t *testing.T) {
	v := open(t, desktop(), true)
	v.see("#verdict", "Everything is in sync")
	v.stop()
	v.see("#verdict", "No answer from sersync")
	v.see("#because", "Last answer at")
	v.see("title", "No answer")
}

func TestHostileNamesStayText(t *testing.T) {
	v := open(t, desktop(), true)
	const attack = `<img src=x onerror="document.title='owned'"><script>alert(1)</script>`
	v.source.Sent(0, attack)
	v.source.Sent(0, "line\nbreak\u202egnp.exe\x1b[31m\\")
	v.source.Sent(0, "broken\xff\xe4\xb8\xad\xc3utf8")
	v.source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		s.Lanes[2].Remote, s.Lanes[2].State, s.Lanes[2].Reason = attack, status.LaneDegraded, attack
		s.Roots[0].Path = attack
		s.Lanes[0].Root, s.Lanes[1].Root = attack, attack
		s.Lanes[0].ID = "bytes\xff#\xfe"
		s.Plugins[0].Name = attack
		s.Notes = []status.Note{{Subject: attack, Reason: attack, Remedy: attack}}
	})
	v.see("tr.lane .remote", attack)
	v.see("tr.lane .name", attack)
	v.see("tr.lane .row-why", attack)
	v.openLane("<img")
	v.see(".callout .why", attack)
	v.openLane("10.0.0.2::www")
	v.see(".transfers .name", attack)
	v.see(".transfers .name", `line\nbreak\u202egnp.exe\x1b[31m\\`)
	v.see(".transfers .name", "broken\\xff\u4e2d\\xc3utf8")
	v.see("#note-list li", attack)
	var injected int
	v.run(chromedp.Evaluate(`document.querySelectorAll("main img, main script, footer img").length`, &injected))
	if injected != 0 || strings.HasPrefix(v.text("title"), "owned") {
		t.Errorf("%d injected elements, title %q", injected, v.text("title"))
	}
	v.calm()
}

func TestNamesAreUnlockedByTheToken(t *testing.T) {
	v := open(t, desktop(), false)
	v.source.Sent(0, "hidden/name.txt")
	v.see("#unlock", "Show file names")
	v.openLane("10.0.0.2::www")
	v.see(".lane-detail .note", "bearer of the token")
	v.see(".lane-detail .charts .chart-title", "Files per 1 min")
	if strings.Contains(v.text("main"), "page-") || strings.Contains(v.text("main"), "hidden/name") {
		t.Error("names are shown without the token")
	}
	v.run(chromedp.Click("#unlock"), chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", "wrong\r"))
	v.see("#token-wrong:not([hidden])", "not the token")
	v.run(chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", token+"\r"))
	v.see(".transfers .name", "hidden/name.txt")
	// The browser itself logs the refused request; there must be no other error.
	v.mu.Lock()
	kept := v.trouble[:0]
	for _, s := range v.trouble {
		if !strings.Contains(s, "401") {
			kept = append(kept, s)
		}
	}
	v.trouble = kept
	v.mu.Unlock()
	v.calm()
}

func TestChinesePhone(t *testing.T) {
	v := open(t, chrome.Look{Width: 360, Height: 740, Dark: true, Language: "zh-CN"}, true)
	v.see("#verdict", "\u5168\u90e8\u5df2\u540c\u6b65")
	v.source.Kill(1)
	v.see("tr.lane .row-why", "\u8fdc\u7aef\u62d2\u7edd\u8fde\u63a5")
	v.openLane("10.0.0.3::www")
	v.see(".causes h3", "\u6309\u539f\u56e0\u5f52\u7c7b\u7684\u5931\u8d25")
	var wide bool
	v.run(chromedp.Evaluate(`document.documentElement.scrollWidth > window.innerWidth`, &wide))
	if wide {
		t.Error("the page is wider than the phone")
	}
	var ground string
	v.run(chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor`, &ground))
	if ground != "rgb(14, 19, 25)" {
		t.Errorf("dark background is %s", ground)
	}
	v.run(chromedp.Click("#lang"))
	v.see("#verdict", "Needs attention")
	v.run(chromedp.Reload(), chromedp.WaitVisible("tr.lane .chip"))
	v.see("#verdict", "Needs attention")
	v.calm()
}

// awaitPromise makes the browser wait for the promise of an expression.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
