package convergence

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
)

// mode is one configuration, and the kinds of changes that it transfers.
type mode struct {
	name   string
	params string
	set    map[string]bool
	// exclude has the expressions of the filter.
	exclude []string
	dot     bool
	// attributes says that a chmod, chown, truncate(2) or touch is transferred even if it is the
	// last change to a file.
	attributes bool
	// noDelete says that a file that is deleted here stays on the target.
	noDelete bool
	// pair says that the target mirrors back to the source, and that both sides have writers.
	pair bool
	// old says that the receiver is rsync 3.1.2.
	old bool
	// coarse says that the target's file system keeps times by the second.
	coarse bool
	// backend is the back end that watches the trees; it follows from the seed.
	backend string
}

// modes are taken in turn. The quick suite has the first ones.
func modes() []mode {
	return []mode{
		{name: "default", params: "-artuz"},
		{
			name: "all", params: "-artzH", dot: true, attributes: true,
			set: map[string]bool{"createFile": true, "attrib": true, "modify": true},
		},
		{name: "pair", params: "-artuz", pair: true},
		{name: "old", params: "-artuz", old: true},
		// -u is off: a directory that takes the place of another one lifts -u only where the
		// deletion of the other one is synced.
		{name: "nodelete", params: "-artz", set: map[string]bool{"delete": false}, noDelete: true},
		{name: "filter", params: "-artz", exclude: []string{`(.*)\.gz`, `/da/cache`, `skip/`}},
		{name: "seconds", params: "-artuz", coarse: true},
	}
}

// modeOf is the mode of this number, with the back end that follows from the seed.
func modeOf(seed int64, n int) mode {
	m := modes()[n]
	if m.backend = os.Getenv(testkit.BackendEnv); m.backend == "" {
		m.backend = backends()[(seed+turn(seed))%2]
	}
	return m
}

// backends are used in turn.
func backends() []string { return []string{confxml.Fanotify, confxml.Inotify} }

// turn counts turns. In a turn each mode has one seed that spares the program and one that does
// not. The number of modes is odd, so two neighbours of a turn use different back ends, and in the
// next turn each mode has the other back end for both seeds.
func turn(seed int64) int64 { return (seed - 1) / int64(2*len(modes())) }

func (m mode) String() string { return m.name + "-" + m.backend }

// update says that the parameters contain -u: a catch-up then keeps files that are newer on the
// target.
func (m mode) update() bool { return strings.Contains(m.params, "u") }

// compare says what must be equal in the end.
func (m mode) compare() testkit.Compare {
	c := testkit.CompareFor(m.params)
	c.DotFiles, c.WholeSeconds = m.dot, m.coarse
	if m.noDelete {
		c.Extra = testkit.AnyExtra
	}
	if len(m.exclude) > 0 {
		c.Excluded = excluded(m.exclude)
	}
	return c
}

// excluded matches the expressions with each whole form of a path: a/b and /a/b, and a/b/ for a
// directory.
func excluded(expressions []string) func(string, bool) bool {
	var all []*regexp.Regexp
	for _, e := range expressions {
		all = append(all, regexp.MustCompile(`^(?s:`+e+`)$`))
	}
	return func(path string, dir bool) bool {
		forms := []string{path, "/" + path}
		if dir {
			forms = append(forms, path+"/")
		}
		for _, re := range all {
			if slices.ContainsFunc(forms, re.MatchString) {
				return true
			}
		}
		return false
	}
}

// dirNames are the names of directories. With few names many changes meet at one path.
func (m mode) dirNames() []string {
	return []string{"da", "db", "d c", "d\n$(x)`y`\"'", "-d", "cache", "skip", "#d", "d\xff\xfe"}
}

// fileNames are the names of everything else. While deletions are off, no file has the name of a
// directory: a directory in the way of a file would stay there.
func (m mode) fileNames() []string {
	names := []string{
		"f1", "f2", "f3", "f4", "f*", "f[1]", "f?", "f\\", "-f", "--exclude=*", "#f", ";f", "f\nnew\r", "f \xc3\x28",
		"f$(id)", "f`id`", "f\"'", "x.gz", ".hid", "f1~", "4913", "~f", " f ", strings.Repeat("n", 255),
	}
	if !m.noDelete {
		names = append(names, m.dirNames()[:4]...)
	}
	return names
}
