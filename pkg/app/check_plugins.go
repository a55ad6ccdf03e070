package app

import (
	"fmt"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

// plugin makes the plugin as a start would; nothing is connected.
func (c *checker) plugin(ref confxml.PluginRef) {
	dir, err := os.Getwd()
	if err != nil {
		c.fail(err)
		return
	}
	deps := plugins.Deps{
		File: c.conf.File, Dir: dir, Alone: c.alone,
		Warn: func(e *plugins.ConfigError) { c.pluginProblem(e, confxml.Warning) },
	}
	conf, err := registry.Find(ref.Name, ref.Line, c.conf.Plugins, deps)
	if err == nil {
		_, err = registry.New(conf, deps)
	}
	if err != nil {
		c.fail(err)
		return
	}
	if c.alone {
		c.pluginWatch(conf)
	} else if w := plugins.Unrelated(c.conf, conf.Watch); w != "" {
		c.pluginProblem(&plugins.ConfigError{File: c.conf.File, Line: conf.Line, Plugin: ref.Name, Element: "localpath@watch", Message: w}, confxml.Warning)
	}
	c.report.Plugins = append(c.report.Plugins, ref.Name)
}

// pluginWatch shows what a plugin alone would watch.
func (c *checker) pluginWatch(conf confxml.Plugin) {
	watch, err := plugins.WatchAlone(c.conf, conf.Watch)
	if err == nil {
		_, err = laneconf.Dir(watch)
	}
	if err != nil {
		c.fail(&plugins.ConfigError{File: c.conf.File, Line: conf.Line, Plugin: conf.Name, Message: fmt.Sprintf("%v; create the directory or correct watch=", err)})
		return
	}
	c.report.Watch = watch
}

func (c *checker) pluginProblem(e *plugins.ConfigError, severity confxml.Severity) {
	element := "plugin " + e.Plugin
	if e.Element != "" {
		element += ": " + e.Element
	}
	message, remedy, _ := strings.Cut(e.Message, "; ")
	c.say(confxml.Problem{File: e.File, Line: e.Line, Element: element, Message: message, Remedy: remedy, Severity: severity})
}
