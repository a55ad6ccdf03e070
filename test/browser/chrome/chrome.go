// Package chrome starts headless Chromium for looking at the status page.
package chrome

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// Look describes how the page is looked at.
type Look struct {
	Width, Height int
	Dark          bool
	Language      string // the value of navigator.language
}

// ErrNone says that there is no Chromium on this machine.
var ErrNone = errors.New("no chromium found: apt-get install chromium")

// Find is the path of the browser.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// Start starts a browser of its own for one tab. stop ends the browser and removes its files. The
// browser connects to nothing but the page.
func Start(ctx context.Context, look Look) (tab context.Context, stop func(), err error) {
	path, err := Find()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "sersync-browser-")
	if err != nil {
		return nil, nil, fmt.Errorf("start browser: %w", err)
	}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", look.Language), chromedp.Flag("accept-lang", look.Language),
		chromedp.WindowSize(look.Width, look.Height),
	}
	browser, endBrowser := chromedp.NewExecAllocator(ctx, opts...)
	tab, endTab := chromedp.NewContext(browser)
	stop = func() {
		_ = chromedp.Cancel(tab) // waits until the browser has ended
		endTab()
		endBrowser()
		_ = os.RemoveAll(dir) // a directory below TMPDIR
	}
	if err := chromedp.Run(tab, look.actions()...); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start browser: %w", err)
	}
	return tab, stop, nil
}
