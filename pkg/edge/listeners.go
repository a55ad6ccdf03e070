package edge

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/command"
	"github.com/sersync/sersync/pkg/plugins/http"
)

// listener is one plugin with its queue.
type listener struct {
	name   string
	runner *plugins.Runner
	seq    atomic.Uint64
}

func plugin(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	if conf.Name == http.Name {
		return http.New(conf, deps)
	}
	return command.New(conf, deps)
}

func deps(file string, log *zap.Logger, warn func(*plugins.ConfigError)) plugins.Deps {
	return plugins.Deps{Log: log, File: file, Dir: "/", Warn: warn, Stdout: os.Stderr, Stderr: os.Stderr}
}

// listeners makes the plugins of a configuration.
func listeners(conf edgexml.Config, log *zap.Logger) ([]*listener, error) {
	var all []*listener
	for _, one := range conf.Plugins {
		p, err := plugin(one, deps(conf.File, log, func(*plugins.ConfigError) {}))
		if err != nil {
			return nil, err
		}
		all = append(all, &listener{name: one.Name, runner: plugins.NewRunner(p, plugins.RunnerConfig{}, log)})
	}
	return all, nil
}

// pluginProblems are the mistakes in the plugins of a configuration.
func pluginProblems(conf edgexml.Config) (all edgexml.Problems) {
	add := func(e *plugins.ConfigError, warning bool) {
		element := "plugin"
		if e.Element != "" {
			element += "/" + e.Element
		}
		all = append(all, edgexml.Problem{File: conf.File, Line: e.Line, Element: element, Message: e.Message, Remedy: "see docs/plugins.md", Warning: warning})
	}
	for _, one := range conf.Plugins {
		if one.Name != command.Name && one.Name != http.Name {
			continue // the reader has reported it
		}
		p, err := plugin(one, deps(conf.File, zap.NewNop(), func(e *plugins.ConfigError) { add(e, true) }))
		if err == nil {
			_ = p.Close()
			continue
		}
		for _, e := range flatten(err) {
			add(e, false)
		}
	}
	return all
}

// flatten splits joined errors.
func flatten(err error) []*plugins.ConfigError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*plugins.ConfigError
		for _, one := range joined.Unwrap() {
			all = append(all, flatten(one)...)
		}
		return all
	}
	var e *plugins.ConfigError
	if errors.As(err, &e) {
		return []*plugins.ConfigError{e}
	}
	return []*plugins.ConfigError{{Message: fmt.Sprint(err)}}
}

// changed tells the plugins of a tree what has changed in it.
func (s *site) changed(conf edgexml.Tree) func(follow.Changed) {
	var told []*listener
	for _, l := range s.told {
		if slices.Contains(conf.Plugins, l.name) {
			told = append(told, l)
		}
	}
	return func(c follow.Changed) {
		op := plugins.Changed
		if c.Deleted {
			op = plugins.Deleted
		}
		for _, l := range told {
			l.runner.Add(plugins.Event{Root: conf.Dir, Path: c.Path, Op: op, Dir: c.Dir, Seq: l.seq.Add(1)})
		}
	}
}
