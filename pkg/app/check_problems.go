package app

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/notify"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/stream/dial"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchers"
)

// problems are all that is wrong with a configuration for a sync, or for a plugin
// alone.
func problems(conf confxml.Config, sync bool) []confxml.Problem {
	all := conf.Problems()
	if !sync {
		all = append(append([]confxml.Problem{}, conf.Warnings...), conf.CheckFile()...)
	}
	var filter *filterqueue.Filter
	var invalid []filterqueue.Problem
	if conf.Filter.On {
		filter, invalid = filterqueue.Compile(conf.Filter.Exclude)
	}
	for _, p := range invalid {
		all = append(all, confxml.Problem{
			File: conf.File, Line: p.Expression.Line, Element: "filter/exclude@expression", Message: p.Cause(),
			Remedy: "correct or remove it", Severity: confxml.Fault,
		})
	}
	if sync {
		all = append(all, leftOut(conf, filter)...)
		all = append(all, unnotified(conf)...)
		all = append(all, unsecured(conf)...)
		all = append(all, unkeyed(conf)...)
		all = append(all, unwatchable(conf, all)...)
	}
	return all
}

// unwatchable is what keeps localpaths from being watched by the back end that they ask for. A
// directory that has a problem among said already is not looked at.
func unwatchable(conf confxml.Config, said []confxml.Problem) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		if slices.ContainsFunc(said, func(p confxml.Problem) bool {
			return p.Line == local.Line && p.Severity >= confxml.Refusal && strings.HasPrefix(p.Element, "sersync/localpath")
		}) {
			continue
		}
		if why := watchers.Unable(local, conf.Inotify); why != nil {
			all = append(all, confxml.Problem{
				File: conf.File, Line: local.Line, Element: "sersync/localpath@backend", Message: why.Cause, Remedy: why.Remedy, Severity: confxml.Refusal,
			})
		}
	}
	return all
}

// unsecured is what keeps the connection to a remote from being secured as tls= asks
// for; nothing is connected.
func unsecured(conf confxml.Config) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		for _, r := range local.Remotes {
			if r.TLS == nil {
				continue
			}
			p := confxml.Problem{File: conf.File, Line: r.Line, Element: "sersync/localpath/remote@tls"}
			l, err := laneconf.Of(conf, local, local.Watch, r)
			switch {
			case errors.Is(err, laneconf.ErrShell):
				p.Message, p.Remedy, p.Severity = laneconf.ErrShell.Error(), "remove one of them", confxml.Refusal
			case err == nil && l.Target.TLS != nil:
				if _, err = l.Target.TLS.Config(); err == nil {
					continue
				}
				p.Message, p.Remedy = l.Target.Explain(err.Error())
				p.Severity = confxml.Fault
			default:
				continue // another check reports it
			}
			all = append(all, p)
		}
	}
	return all
}

// unusable is why a file cannot be used, without its name.
func unusable(err error) string {
	var untrusted *safefile.UntrustedError
	var system syscall.Errno
	switch {
	case errors.As(err, &untrusted):
		return untrusted.Reason
	case errors.As(err, &system):
		return system.Error()
	}
	for _, known := range []error{dial.ErrKey, dial.ErrCA} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// unkeyed is what keeps a stream from being published: an address that cannot be read, files that
// cannot be used. It connects to nothing.
func unkeyed(conf confxml.Config) (all []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		for _, to := range local.Streams {
			way := laneconf.Way(to)
			if _, err := way.Servers(); err != nil {
				all = append(all, confxml.Problem{
					File: conf.File, Line: to.Line, Element: "sersync/localpath/stream@url", Severity: confxml.Fault,
					Message: fmt.Sprintf("%q is no address of NATS servers", to.URL),
					Remedy:  "write nats://HOST:PORT or tls://HOST:PORT, several with commas between them",
				})
			}
			if to.Creds == "" {
				continue // the reader has said so
			}
			key := way
			key.CA = ""
			p := confxml.Problem{File: conf.File, Line: to.Line, Element: "sersync/localpath/stream@creds", Severity: confxml.Fault}
			file, err := way.Creds, key.Check()
			if err == nil {
				p.Element = "sersync/localpath/stream@ca"
				file, err = way.CA, way.Check()
			}
			if err == nil {
				continue
			}
			reason, remedy := publish.Explain(err)
			p.Message, p.Remedy = fmt.Sprintf("%s: %s (%s)", file, reason, unusable(err)), remedy
			all = append(all, p)
		}
	}
	return all
}

// unnotified is what keeps a <notify> from working; nothing is connected.
func unnotified(conf confxml.Config) []confxml.Problem {
	dir, err := os.Getwd()
	if err != nil {
		return nil // a start reports that
	}
	var all []confxml.Problem
	for _, n := range conf.Notify {
		receiver, problems := notify.NewReceiver(n, conf.File, dir)
		if receiver != nil {
			receiver.Close()
		}
		all = append(all, problems...)
	}
	return all
}
