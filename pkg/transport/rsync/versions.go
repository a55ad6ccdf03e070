package rsync

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Versions says where a remote keeps what is replaced or deleted there: below the destination in
// Dir/sersync-DATE/TIME/, under its old path. Each run has a directory of its own, so that no
// version replaces another one.
type Versions struct {
	Dir  string // right below the destination; empty: old versions are not kept
	Keep int    // of how many days with changes they stay
	Run  string // the directory of a run, as At makes it
}

// dayPrefix marks the directories of a day as ours: directories of other programs are never
// deleted.
const dayPrefix = "sersync-"

// At is v for a run that begins now, in local time, which people look for.
func (v Versions) At(now time.Time) Versions {
	if v.Dir != "" {
		v.Run = dayPrefix + now.Format("2006-01-02/15-04-05.000000")
	}
	return v
}

// args make a run keep versions. The suffix is reset: the user's own would be added to
// the names.
func (v Versions) args() []string {
	if v.Run == "" {
		return nil
	}
	return []string{"--backup", "--suffix=", "--backup-dir=" + v.Dir + "/" + v.Run}
}

// keeps tells whether the run puts something in the place of something else.
func (r Run) keeps() bool {
	switch r.Kind {
	case transport.Send, transport.Tree, transport.Delete, transport.Full:
		return !r.Verify
	case transport.Survey, transport.SurveyTrees, transport.SurveyFlat, transport.SurveyGone, transport.Times, transport.Stamps:
	}
	return false
}

// SparesVersions returns the parameters with a rule, before the user's own rules, that leaves the
// directory of old versions alone.
func (p Params) SparesVersions(dir string) Params {
	if dir == "" {
		return p
	}
	p.args = slices.Concat([]string{"--exclude=/" + dir}, p.args)
	own := p.Rules.list
	p.Rules.list = nil
	p.Rules.pattern(Pattern{Text: "/" + dir}, false)
	p.Rules.list = append(p.Rules.list, own...)
	return p
}

var listedDay = regexp.MustCompile(`^d\S+ +[\d,.]+ \d{4}/\d\d/\d\d \d\d:\d\d:\d\d (` + dayPrefix + `\d{4}-\d\d-\d\d)$`)

// ParseDay reads a line of a ListVersions run.
func ParseDay(line []byte) (day string, ok bool) {
	m := listedDay.FindSubmatch(line)
	if m == nil {
		return "", false
	}
	if _, err := time.Parse(time.DateOnly, strings.TrimPrefix(string(m[1]), dayPrefix)); err != nil {
		return "", false
	}
	return string(m[1]), true
}

// Old are the days whose time is over. Today and later days always stay, so that after a wrong
// setting of the clock no more than one day at a time is deleted.
func (v Versions) Old(days []string, now time.Time) []string {
	days = slices.Clone(days)
	slices.Sort(days)
	days = slices.Compact(days)
	days = days[:max(0, len(days)-v.Keep)]
	today := dayPrefix + now.Format(time.DateOnly)
	return slices.DeleteFunc(days, func(d string) bool { return d >= today })
}

// ListArgs is the argument vector that asks for the days of old versions.
func (r Run) ListArgs() []string {
	args := append(r.Target.Params.Connection(), r.transport()...)
	return append(args, "--no-motd", "--no-human-readable", "--dirs", "--list-only", r.versionsThere())
}

// PruneArgs is the argument vector that deletes days of old versions by their names. That run sees
// nothing of this host, and can delete nothing else.
func (r Run) PruneArgs(days []string) []string {
	args := append(r.Target.Params.Connection(), r.transport()...)
	args = append(args, "--no-motd", "-r", "--delete", "--force", "--filter=H *")
	for _, day := range days {
		args = append(args, "--filter=R /"+day, "--filter=R /"+day+"/**")
	}
	return append(args, "--filter=P *", "./", r.versionsThere())
}

func (r Run) versionsThere() string {
	return strings.TrimSuffix(r.Target.Dest(), "/") + "/" + r.Target.Versions.Dir + "/"
}

// loud are the releases that report an error when they cannot keep an old version.
var loud = regexp.MustCompile(`^rsync (3\.1\.[3-9]|3\.[2-9]\.|3\.2\.7 or|3\.4 or|[4-9])`)

// Silent tells whether a receiver of that release, as a greeting or rsync itself tells
// it, may leave a file as it is without a word when this run cannot keep the old version.
func (r Run) Silent(release string) bool {
	return r.keeps() && r.Kind != transport.Delete && r.Target.Versions.Run != "" && !loud.MatchString(release)
}

// KeptOut adds to a result a file that a receiver has not changed because it could not keep the old
// version.
func (t Target) KeptOut(r *transport.Result, path string) {
	if r.Class == transport.Done || r.Class == transport.Again {
		r.Class = transport.Partly
	}
	r.Reason, r.Remedy = t.NoVersions()
	r.Failed = append(r.Failed, transport.PathError{Path: path, Remote: true, Text: noVersions, Cause: noVersions})
}

// NoVersions is the cause and the remedy where the remote cannot write in the directory of old versions.
func (t Target) NoVersions() (reason, remedy string) {
	remedy = "let the uid of [{module}] in the rsyncd.conf on {host} make the directory {1} in {path}, and write in it"
	if t.SSH {
		remedy = "let {login} make the directory {1} in {path} on {host}, and write in it"
	}
	return noVersions, t.fill(remedy, []string{t.Versions.Dir})
}

const noVersions = "the remote cannot keep the old versions"
