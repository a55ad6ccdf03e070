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
	name   string
	look   chrome.Look
	source func() *demo.Source
	script string // is run on the page before the picture is taken
	clip   string // the part of the page that the picture shows; empty: all of it
}

func pictures() []picture {
	const width, height = 1180, 900
	const open = `document.querySelector("tr.lane[data-tone=bad] .open").click()`
	const find = `document.querySelector("#find-path").value = "/data/www/site/a/page-017.html"; document.querySelector("#find button").click()`
	many := func() *demo.Source { return demo.NewMany(200) }
	english := chrome.Look{Width: width, Height: height, Language: "en-US"}
	dark, chinese := english, english
	dark.Dark, chinese.Language = true, "zh-CN"
	phone := chrome.Look{Width: 390, Height: 1330, Language: "en-US"}
	return []picture{
		{"status-light", english, demo.New, "0", ""},
		{"status-dark", dark, demo.New, "0", ""},
		{"status-chinese", chinese, demo.NewFailing, open, ""},
		{"status-failing", english, demo.NewFailing, open, ""},
		{"status-failing-dark", dark, demo.NewFailing, open, ""},
		{"status-many", english, many, "0", "top"},
		{"status-where", english, demo.NewFailing, find, "top"},
		{"status-phone", phone, demo.NewFailing, "0", "top"},
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
	source := p.source()
	port, tokenFile, err := place()
	if err != nil {
		return err
	}
	defer os.Remove(tokenFile)
	host := confxml.Host{Page: true, Port: port, TokenFile: tokenFile}
	done := make(chan error, 1)
	go func() { done <- statuspage.New(statuspage.Options{Host: host, Inquiries: source}, source).Run(ctx) }()
	tab, stop, err := chrome.Start(ctx, p.look)
	if err != nil {
		return err
	}
	defer stop()
	var png []byte
	if err := chromedp.Run(tab,
		chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/#token=%s", port, token)),
		chromedp.WaitVisible(".lane .chip"),
		chromedp.Evaluate(p.script, nil),
		chromedp.Sleep(1300*time.Millisecond), // until the next answer has come, so that nothing in the picture is changing
		p.capture(&png),
	); err != nil {
		return fmt.Errorf("take %s: %w", p.name, err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	cancel()
	return <-done
}

// capture takes a picture of the whole page, or of the part that is visible without scrolling.
func (p picture) capture(png *[]byte) chromedp.Action {
	if p.clip == "top" {
		return chromedp.CaptureScreenshot(png)
	}
	return chromedp.FullScreenshot(png, 100)
}

// place finds a free port and writes the token to a file.
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
