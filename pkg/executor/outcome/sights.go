package outcome

import (
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// sights is what was on this host after a flight. The flight looks before it reports, so that the
// loop can decide what becomes of the paths without looking itself.
type sights struct {
	Gone bool // the watch root cannot be opened
	Seen map[string]fstree.Found
	// Unfolded are, by path, the entries of directories that take the place of the tree if it broke
	// its run.
	Unfolded map[string]map[string]dirty.Flags
	// Linked are files with several names that are to be sent once more, together with all their
	// names, by the tree of the flight that they are below; "" for the others.
	Linked map[string][]string
	// Remade are, by the path of a surveyed directory, the directories in it that were made after
	// it was found changed.
	Remade map[string][]string
	// Apart are paths that could not go in a list of names, and have to go by their own; unlisted
	// are the trees of the flight that could not be listed.
	Apart    map[string]dirty.Flags
	Unlisted []Unlisted
}

// OpenQuestions are the paths that have to be looked at before the outcome can be judged: what was
// deleted and may have come back, what a complaint is about, and what only the remote was known to
// have. followed says that links are followed.
func (o *Outcome) OpenQuestions(followed bool) (paths []string) {
	for _, w := range o.Works {
		if o.Kind == plan.KindDelete && w.Way != plan.Hiding && w.Gone == nil || followed && len(o.Result.Races) > 0 {
			paths = append(paths, w.Path)
		}
		if o.Kind == plan.KindSurvey && w.Found.State == fstree.Present && w.Flags&dirty.Tree == 0 {
			for _, path := range o.OnlyThere {
				if disk.Inside(path, w.Path) {
					paths = append(paths, EntryOf(w.Path, path))
				}
			}
		}
	}
	if o.Kind != plan.KindSurvey {
		paths = append(paths, o.OnlyThere...)
	}
	for _, e := range slices.Concat(o.Result.Failed, o.Result.Races, o.Withheld, o.Unsent) {
		for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
			if paths = append(paths, rest); !e.Elsewhere {
				break
			}
		}
	}
	return paths
}

// Unlisted is a tree whose entries could not be named.
type Unlisted struct {
	Work plan.Work
	Err  error
}

// EntryOf is the entry of a directory on the way to a path below it.
func EntryOf(dir, path string) string {
	start := 0
	if dir != "" {
		start = len(dir) + 1
	}
	if i := strings.IndexByte(path[start:], '/'); i >= 0 {
		return path[:start+i]
	}
	return path
}

// Keep puts a value under a key of a map that may not have been made yet.
func Keep[V any](in *map[string]V, key string, v V) {
	if *in == nil {
		*in = map[string]V{}
	}
	(*in)[key] = v
}
