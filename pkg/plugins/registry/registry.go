// Package registry knows the kinds of plugins by the names that stand in the
// configuration. It is the one place to touch when a kind is added.
package registry

import (
	"fmt"
	"sort"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/command"
	"github.com/sersync/sersync/pkg/plugins/http"
	"github.com/sersync/sersync/pkg/plugins/refreshcdn"
	"github.com/sersync/sersync/pkg/plugins/socket"
)

// What 2.5.4 prints on standard output before it exits with status 1.
const (
	unknownModule = "模块名称错误"
	unknownPlugin = "sersync plugin error，please confirm the config xml"
)

// constructor makes one kind of plugin.
type constructor func(confxml.Plugin, plugins.Deps) (plugins.Plugin, error)

func constructors() map[string]constructor {
	return map[string]constructor{
		command.Name:    command.New,
		http.Name:       http.New,
		refreshcdn.Name: refreshcdn.New,
		socket.Name:     socket.New,
	}
}

// Names lists the kinds, sorted.
func Names() []string {
	names := make([]string, 0, len(constructors()))
	for name := range constructors() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Known reports whether name is a kind; letters' case counts, as in 2.5.4.
func Known(name string) bool {
	_, ok := constructors()[name]
	return ok
}

// New makes the plugin of one element. It starts and connects nothing, so
// --check may call it. The error is a *plugins.ConfigError, or several joined.
func New(conf confxml.Plugin, deps plugins.Deps) (plugins.Plugin, error) {
	construct, ok := constructors()[conf.Name]
	if !ok {
		return nil, unknown(conf.Name, conf.Line, deps)
	}
	return construct(conf, deps)
}

// Find returns the first element of that name, which a <sersync><plugin> at
// line, or -m (line 0), asks for. 2.5.4 went on without the element: command
// then ran every changed file as a script.
func Find(name string, line int, all []confxml.Plugin, deps plugins.Deps) (confxml.Plugin, error) {
	if !Known(name) {
		return confxml.Plugin{}, unknown(name, line, deps)
	}
	for _, conf := range all {
		if conf.Name == name {
			return conf, nil
		}
	}
	return confxml.Plugin{}, &plugins.ConfigError{
		File: deps.File, Line: line, Plugin: name,
		Message: fmt.Sprintf("there is no <plugin name=%q> element below <head>; add it (docs/plugins.md shows it)", name),
	}
}

func unknown(name string, line int, deps plugins.Deps) error {
	e := &plugins.ConfigError{
		File: deps.File, Line: line, Plugin: fmt.Sprintf("%q", name),
		Message: "is not known; write one of: " + strings.Join(Names(), ", "),
		Console: []string{unknownPlugin},
	}
	if deps.Alone {
		e.Console = []string{unknownModule}
	}
	return e
}
