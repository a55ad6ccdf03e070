package daemon

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/statuspage"
)

// page is a status server that runs. Servers outlive sites, so that requests are answered during a
// reload, too.
type page struct {
	server *statuspage.Server
	end    context.CancelFunc
	runs   sync.WaitGroup
}

func (p *page) stop() {
	p.end()
	p.runs.Wait()
}

// newPage makes the status server of a plugin that runs alone. It does not use the page and the
// socket of the configuration: those belong to the sync, which may run at the same time.
func (s *site) newPage() *statuspage.Server {
	host := s.conf.Host
	host.Page, host.Socket = false, ""
	return statuspage.New(statuspage.Options{
		Host: host, Socket: instance.Socket(s.stores.dir, s.conf.File, s.daemon.opt.Command.Module), Actions: s.daemon, Inquiries: s.daemon.inquiries, Log: s.log,
	}, s.daemon)
}

// pageOptions are the options of the site's status servers, one for the Unix socket and one for
// TCP. The key holds everything in which two servers can differ.
func (s *site) pageOptions() map[string]statuspage.Options {
	socket := s.conf.Host.Socket
	if socket == "" && s.stores.dir != "" {
		socket = instance.Socket(s.stores.dir, s.conf.File, "")
	}
	wanted := map[string]statuspage.Options{}
	if socket != "" {
		wanted["unix "+socket] = statuspage.Options{Socket: socket, Actions: s.daemon, Inquiries: s.daemon.inquiries, Log: s.log}
	}
	if s.conf.Host.Page {
		host := s.conf.Host
		host.Socket = ""
		key := fmt.Sprintf("tcp %+v", host)
		var token unix.Stat_t
		if unix.Stat(host.TokenFile, &token) == nil { // another token, or the mode has been put right
			key += fmt.Sprint(token.Dev, token.Ino, token.Ctim)
		}
		wanted[key] = statuspage.Options{Host: host, Inquiries: s.daemon.inquiries, Log: s.log}
	}
	return wanted
}

// noSocket stands for site.answers where there is no directory for a status socket.
var noSocket = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// servePages starts the site's status servers, which run until ctx ends, and ends those that the
// site does not have. A server that could not listen tries again.
func (d *Daemon) servePages(ctx context.Context, s *site) {
	wanted := s.pageOptions()
	for key, p := range d.pages {
		if _, ok := wanted[key]; !ok || p.server.Missing() {
			p.stop()
			delete(d.pages, key)
		}
	}
	s.answers = noSocket
	for key, opt := range wanted {
		p := d.pages[key]
		if p == nil {
			p = &page{server: statuspage.New(opt, d)}
			var running context.Context
			running, p.end = context.WithCancel(ctx)
			p.runs.Go(func() { _ = p.server.Run(running) })
			d.pages[key] = p
		}
		if opt.Socket != "" {
			s.answers = p.server.Up()
		}
	}
}

func (d *Daemon) stopPages() {
	for _, p := range d.pages {
		p.stop()
	}
}
