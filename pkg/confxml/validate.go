package confxml

import (
	"errors"
	"strings"
)

// ValidateSync checks what a sync cannot do without and no default can
// replace: a localpath, its watch, a remote, its ip and name. The error is a
// *ValidationError with all of them. It is not called when only a plugin is
// run (-m).
func (c Config) ValidateSync() error {
	var problems []Problem
	add := func(line int, element, message, remedy string) {
		problems = append(problems, Problem{File: c.File, Line: line, Element: element, Message: message, Remedy: remedy, Severity: Refusal})
	}
	if len(c.LocalPaths) == 0 {
		add(0, "sersync/localpath", "missing: nothing is watched", `add <localpath watch="/DIR"> with a <remote> in it to <sersync>`)
	}
	for _, l := range c.LocalPaths {
		if l.Watch == "" {
			add(l.Line, "sersync/localpath@watch", "missing or empty", `name the directory to watch, watch="/DIR"`)
		}
		if len(l.Remotes)+len(l.Streams) == 0 {
			add(l.Line, "sersync/localpath/remote", "missing: there is no target", `add <remote ip="HOST" name="MODULE"/>`)
		}
		for _, m := range l.Remotes {
			if m.IP == "" {
				add(m.Line, "sersync/localpath/remote@ip", "missing or empty", `name the target host, ip="HOST"`)
			}
			if strings.HasPrefix(m.IP, "-") || strings.HasPrefix(m.User, "-") {
				add(m.Line, "sersync/localpath/remote", "host or user begins with a dash: rsync would take it for an option", "correct ip= or user=")
			}
			if m.Name == "" {
				add(m.Line, "sersync/localpath/remote@name", "missing or empty", `name the rsync module (the path with ssh), name="MODULE"`)
			}
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &ValidationError{Problems: problems}
}

// Problems are all that is wrong with a configuration for a sync on this host:
// what the reader has found, and what ValidateSync and CheckHost find.
func (c Config) Problems() []Problem {
	all := append([]Problem{}, c.Warnings...)
	var invalid *ValidationError
	if err := c.ValidateSync(); errors.As(err, &invalid) {
		all = append(all, invalid.Problems...)
	}
	return append(all, c.CheckHost()...)
}

// Fatal makes an error of the problems that must keep the program from starting; it is nil or a
// *ValidationError.
func Fatal(problems []Problem) error {
	var fatal []Problem
	for _, p := range problems {
		if p.Severity == Refusal {
			fatal = append(fatal, p)
		}
	}
	if len(fatal) == 0 {
		return nil
	}
	return &ValidationError{Problems: fatal}
}
