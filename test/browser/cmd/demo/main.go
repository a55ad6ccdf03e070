// Command demo serves the status page over a made-up state, for looking at it
// while it is being worked on:
//
//	go run ./cmd/demo -port 8008 -show failing
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/statuspage"
	"github.com/sersync/sersync/test/browser/demo"
	"go.uber.org/zap"
)

func main() {
	port := flag.Int("port", 8008, "port on loopback")
	show := flag.String("show", "good", "good, failing or many")
	token := flag.String("tokenfile", "", "file with the token that unlocks names")
	socket := flag.String("socket", "", "Unix socket")
	flag.Parse()
	if err := run(*port, *show, *token, *socket); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(port int, show, token, socket string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	log, err := zap.NewDevelopment()
	if err != nil {
		return fmt.Errorf("build log: %w", err)
	}
	source := demo.New()
	if show == "failing" {
		source = demo.NewFailing()
	}
	if show == "many" {
		source = demo.NewMany(200)
	}
	host := confxml.Host{Page: true, Port: port, TokenFile: token, Socket: socket}
	done := make(chan error, 1)
	go func() {
		done <- statuspage.New(statuspage.Options{Host: host, Inquiries: source, Log: log}, source).Run(ctx)
	}()
	tick := time.NewTicker(700 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
			source.Sent([]int{0, 2}[n%2], fmt.Sprintf("site/live/article-%04d.html", n))
		case err := <-done:
			return err
		}
	}
}
