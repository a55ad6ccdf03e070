package app

import (
	"fmt"
	"path"
	"strconv"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/leftout"
)

// leftOut warns of links in the watch roots that will point to nothing on the
// remotes, because they lead through names which are not mirrored.
func leftOut(conf confxml.Config, filter *filterqueue.Filter) (problems []confxml.Problem) {
	for _, local := range conf.LocalPaths {
		dir, err := laneconf.Dir(local.Watch)
		if err != nil || local.Watch == "" {
			continue // that is a problem of its own
		}
		q := filterqueue.New(filterqueue.Options{Switches: conf.Inotify, DotFiles: local.DotFiles, Filter: filter})
		link, ok := leftout.Find(dir, func(rel string, dir bool) bool { return q.Skip(rel, dir, false) })
		if !ok {
			continue
		}
		message := fmt.Sprintf("the link %s leads through %s, which is not mirrored when it changes", strconv.Quote(link.Path), strconv.Quote(link.Through))
		if link.Others > 0 {
			message += fmt.Sprintf(" (and so do %d more links)", link.Others)
		}
		problems = append(problems, confxml.Problem{
			File: conf.File, Line: local.Line, Element: "sersync/localpath@watch", Message: message + ": it will point to nothing on the remotes",
			Remedy: leftOutRemedy(link.Through, filter), Severity: confxml.Warning,
		})
	}
	return problems
}

func leftOutRemedy(through string, filter *filterqueue.Filter) string {
	switch name := path.Base(through); {
	case filter.Excluded(through, true) || filter.Excluded(through, false):
		return "let that name through in <filter>, or exclude the link as well"
	case name[0] == '.':
		return `set dotfiles="true" on this localpath`
	default:
		return "give it a name that no editor uses for its temporary files"
	}
}
