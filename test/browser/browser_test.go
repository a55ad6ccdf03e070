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
	stop   func() // ends the server and waits for it

	mu       sync.Mutex
	trouble  []string // guarded by mu; console errors, exceptions, failed requests
	requests []string // guarded by mu
}

// open starts a server over a demo state and a browser, without the token
// unless withToken.
func open(t *testing.T, look chrome.Look, withToken bool) *visit {
	t.Helper()
	source := demo.New()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	host := confxml.Host{Page: true, Port: port, TokenFile: file}
	go func() { done <- statuspage.New(statuspage.Options{Host: host}, source).Run(ctx) }()
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
	v.run(network.Enable(), log.Enable(), runtime.Enable(), chromedp.Navigate(start), chromedp.WaitVisible(".lane .chip"))
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

// listen collects whatever a developer would see in red.
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

// see waits until the text of selector contains want.
func (v *visit) see(selector, want string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.tab, 10*time.Second)
	defer cancel()
	script := fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, want)
	if err := chromedp.Run(ctx, chromedp.Poll(script, nil, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		v.t.Fatalf("%s never shows %q but %q: %v", selector, want, v.text(selector), err)
	}
}

// calm fails the test when the browser had anything to complain about, or
// asked anybody but the server.
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

func desktop() chrome.Look { return chrome.Look{Width: 1200, Height: 900, Language: "en-US"} }

func TestPageFollowsWhatHappens(t *testing.T) {
	v := open(t, desktop(), true)
	v.see("#verdict", "Everything is in sync")
	v.see("#because", "4 of 4 lanes in sync")
	v.see(".fact dd", "20,393")

	v.source.Sent(0, "fresh/article.html")
	v.see(".lane .rows .name", "fresh/article.html")

	v.source.Kill(1)
	v.see("#verdict", "Needs attention")
	v.see("#because", "/data/www to 10.0.0.3::www: backing off")
	v.see(`.lane[data-tone="bad"] .callout`, "the remote refuses the connection")
	v.see(`.lane[data-tone="bad"] .callout`, "start the rsync daemon")
	v.see(`.lane[data-tone="bad"] .rows`, "site/b/locked.html")
	v.see("title", "Needs attention")

	v.source.FullSync(3)
	v.see(".progress", "118,400 of 204,310")

	v.source.Change(func(s *status.Snapshot, _ []*status.Recorder) {
		l := &s.Lanes[1]
		l.State, l.Pending, l.Reason, l.Detail, l.Remedy = status.LaneInSync, 0, "", "", ""
		s.Lanes[3].State, s.Lanes[3].Pending, s.Lanes[3].Progress = status.LaneInSync, 0, nil
		s.Lanes = append(s.Lanes[:2:2], s.Lanes[3])
		s.Roots[1].State = status.RootGone
	})
	v.see("#because", "/data/uploads: gone")
	if n := strings.Count(v.text(".lane h3"), "\n") + 1; n != 3 {
		t.Errorf("%d lanes are shown, want 3", n)
	}
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
		s.Plugins[0].Name = attack
	})
	v.see(".lane .rows .name", attack)
	v.see(".lane .rows .name", `line\nbreak\u202egnp.exe\x1b[31m\\`)
	v.see(".lane .rows .name", "broken\\xff\u4e2d\\xc3utf8")
	v.see(".root h2", attack)
	v.see(".lane h3", attack)
	v.see(".callout .why", attack)
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
	if strings.Contains(v.text("body"), "page-") || strings.Contains(v.text("body"), "hidden/name") {
		t.Error("names are shown without the token")
	}
	v.run(chromedp.Click("#unlock"), chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", "wrong\r"))
	v.see("#token-wrong:not([hidden])", "not the token")
	v.run(chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", token+"\r"))
	v.see(".lane .rows .name", "hidden/name.txt")
	// The browser itself logs the refused request; nothing else may be there.
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
	v.see(".callout .why", "\u8fdc\u7aef\u62d2\u7edd\u8fde\u63a5")
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
	v.run(chromedp.Reload(), chromedp.WaitVisible(".lane .chip"))
	v.see("#verdict", "Needs attention")
	v.calm()
}
