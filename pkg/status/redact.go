package status

import (
	"regexp"
	"slices"
	"strings"
)

// Redacted is the snapshot for readers who may not see path names: it has no transfers, no names,
// no literal messages of rsync or plugins, and of the failures only the newest of each reason.
// Watch roots and destinations stay, because they are the names of lanes.
func (s Snapshot) Redacted() Snapshot {
	s.Names = false
	s.ConfigFile = ""
	s.Roots = slices.Clone(s.Roots)
	for i := range s.Roots {
		s.Roots[i].Reason = withoutNames(s.Roots[i].Reason, "")
	}
	s.Lanes = slices.Clone(s.Lanes)
	for i := range s.Lanes {
		s.Lanes[i] = redactedLane(s.Lanes[i])
	}
	s.ConfigProblems = slices.Clone(s.ConfigProblems)
	for i := range s.ConfigProblems {
		s.ConfigProblems[i].Message, s.ConfigProblems[i].Remedy = "", ""
	}
	s.Notes = slices.Clone(s.Notes)
	for i := range s.Notes {
		s.Notes[i].Reason, s.Notes[i].Remedy = "", ""
	}
	s.Plugins = slices.Clone(s.Plugins)
	for i := range s.Plugins {
		s.Plugins[i].LastError = ""
	}
	return s
}

// redactedLane is a lane without path names.
func redactedLane(l Lane) Lane {
	l.Transfers, l.Detail = nil, ""
	l.Reason = withoutNames(l.Reason, "")
	l.Failures = redactFailures(l.Failures)
	l.Edges = l.Edges.redacted()
	l.Differences = slices.Clone(l.Differences)
	for k := range l.Differences {
		l.Differences[k].Names = nil
	}
	if l.Verify != nil {
		v := *l.Verify
		v.Names, v.NewerNames, v.Extras, v.Error = nil, nil, nil, withoutNames(v.Error, "")
		l.Verify = &v
	}
	return l
}

func redactFailures(list []Failure) []Failure {
	var out []Failure
	for _, f := range list {
		f.Reason = withoutNames(f.Reason, f.Path)
		if quotes(f.Remedy, f.Path) {
			f.Remedy = ""
		}
		f.Path, f.Detail = "", ""
		known := slices.ContainsFunc(out, func(o Failure) bool {
			return o.Reason == f.Reason && o.Remedy == f.Remedy && o.Exit == f.Exit
		})
		if !known {
			out = append(out, f)
		}
	}
	return out
}

const unnamed = "rsync failed"

// errnoTail is how rsync ends a complaint about a system call.
var errnoTail = regexp.MustCompile(`^[A-Za-z][A-Za-z ]* \(\d+\)$`)

// withoutNames is a reason without the parts that may hold a name. Our own reasons hold none, but a
// reason may be a line of rsync, which puts names between double quotes, behind a colon or, of
// rsync before 3.1, into parentheses.
func withoutNames(reason, path string) string {
	first, last := strings.IndexByte(reason, '"'), strings.LastIndexByte(reason, '"')
	switch {
	case first >= 0:
		reason = reason[:first] + "..." + reason[last+1:]
	case strings.HasPrefix(reason, "rsync: "):
		reason = reason[strings.LastIndex(reason, ": ")+2:]
		if !errnoTail.MatchString(reason) {
			return unnamed
		}
	default:
		reason, _, _ = strings.Cut(reason, ": ")
	}
	if quotes(reason, path) {
		return unnamed
	}
	return reason
}

// quotes is true when text contains the path or its last element; a name of less than four bytes
// counts only as a whole word, because every sentence contains such letters.
func quotes(text, path string) bool {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if len(base) >= 4 {
		return strings.Contains(text, base)
	}
	return base != "" && slices.Contains(strings.Fields(text), base)
}
