package confxml

import (
	"fmt"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/shellwords"
)

// params checks rsync's parameters. A problem that several remotes share is reported once.
func (h *hostCheck) params() {
	said := map[Problem]bool{}
	for _, l := range h.config.LocalPaths {
		for _, m := range l.Remotes {
			for _, p := range h.judge(l, m) {
				if !said[p] {
					said[p] = true
					h.problems = append(h.problems, p)
				}
			}
		}
	}
}

// judge returns the problems of one remote's parameters.
func (h *hostCheck) judge(l LocalPath, m Remote) (problems []Problem) {
	p := Problem{File: h.config.File, Line: m.ParamsLine, Element: "sersync/rsync/commonParams@params"}
	if m.OwnParams {
		p.Element = "sersync/localpath/remote@params"
	}
	words, err := shellwords.Split(m.Params, os.Getenv)
	if err != nil {
		p.Message = fmt.Sprintf("%q cannot be split into words: %v", m.Params, err)
		p.Remedy, p.Severity = "write plain rsync options, quoted as for a shell, for nothing is executed", Refusal
		return []Problem{p}
	}
	given, err := rsyncopts.Parse(words)
	if err != nil {
		p.Message, p.Remedy, _ = strings.Cut(err.Error(), "; ")
		p.Severity = Refusal
		return []Problem{p}
	}
	setting := rsyncopts.Setting{Delete: h.config.Inotify.Delete, Remotes: len(l.Remotes), Root: l.Watch, SSH: m.SSH}
	for _, r := range setting.Judge(given) {
		p.Message, p.Remedy, p.Severity = r.Cause, r.Remedy, severities[r.Level]
		problems = append(problems, p)
	}
	return problems
}

var severities = map[rsyncopts.Level]Severity{
	rsyncopts.Note: Note, rsyncopts.Warning: Warning, rsyncopts.Fault: Fault, rsyncopts.Refusal: Refusal,
}
