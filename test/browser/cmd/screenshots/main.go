// Command screenshots makes the pictures of the status page in docs/images:
//
//	go run ./cmd/screenshots ../../docs/images
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/statuspage"
	"github.com/sersync/sersync/test/browser/chrome"
	"github.com/sersync/sersync/test/browser/demo"
)

const token = "a-token-for-the-pictures"

type picture struct {
	name    string
	look    chrome.Look
	failing bool
	open    bool // show the recent failures
}

func pictures() []picture {
	const width, height = 1180, 900
	return []picture{
		{"status-light", chrome.Look{Width: width, Height: height, Language: "en-US"}, false, false},
		{"status-dark", chrome.Look{Width: width, Height: height, Dark: true, Language: "en-US"}, false, false},
		{"status-chinese", chrome.Look{Width: width, Height: height, Language: "zh-CN"}, true, false},
		{"status-failing", chrome.Look{Width: width, Height: height, Language: "en-US"}, true, true},
		{"status-failing-dark", chrome.Look{Width: width, Height: height, Dark: true, Language: "en-US"}, true, false},
		{"status-phone", chrome.Look{Width: 390, Height: 1500, Language: "en-US"}, true, false},
	}
}

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	for _, p := range pictures() {
		if err := p.take(context.Background(), filepath.Join(dir, p.name+".png")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (p picture) take(ctx context.Context, file string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := demo.New()
	if p.failing {
		source = demo.NewFailing()
	}
	port, tokenFile, err := place()
	if err != nil {
		return err
	}
	defer os.Remove(tokenFile)
	host := confxml.Host{Page: true, Port: port, TokenFile: tokenFile}
	done := make(chan error, 1)
	go func() { done <- statuspage.New(statuspage.Options{Host: host}, source).Run(ctx) }()
	tab, stop, err := chrome.Start(ctx, p.look)
	if err != nil {
		return err
	}
	defer stop()
	open := `0`
	if p.open {
		open = `for (const d of document.querySelectorAll(".lane[data-tone=bad] details:nth-last-of-type(2)")) d.open = true`
	}
	var png []byte
	if err := chromedp.Run(tab,
		chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/#token=%s", port, token)),
		chromedp.WaitVisible(".lane .chip"),
		chromedp.Evaluate(open, nil),
		chromedp.Sleep(1300*time.Millisecond), // one more answer, so that the picture is settled
		p.capture(&png),
	); err != nil {
		return fmt.Errorf("take %s: %w", p.name, err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil { //nolint:gosec // a picture for everybody
		return fmt.Errorf("write picture: %w", err)
	}
	cancel()
	return <-done
}

// capture takes the whole page, of a phone what it shows at first.
func (p picture) capture(png *[]byte) chromedp.Action {
	if p.look.Width < 600 {
		return chromedp.CaptureScreenshot(png)
	}
	return chromedp.FullScreenshot(png, 100)
}

// place finds a free port and writes the token.
func place() (port int, tokenFile string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, "", fmt.Errorf("find a port: %w", err)
	}
	defer l.Close()
	f, err := os.CreateTemp("", "sersync-token-")
	if err != nil {
		return 0, "", fmt.Errorf("write token: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(token); err != nil {
		return 0, "", fmt.Errorf("write token: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, f.Name(), nil
}
