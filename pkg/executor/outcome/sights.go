package outcome

import (
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// sights are what stands on this host after a flight, looked up before it reports:
// with them the loop decides what becomes of the paths, and need not look itself.
type sights struct {
	Gone bool // the watch root cannot be opened
	Seen map[string]fstree.Found
	// Unfolded are the entries of the directories, by path, whose trees are to be
	// replaced by them if they broke their run.
	Unfolded map[string]map[string]dirty.Flags
	// Linked are the files with several names below the trees that were sent, by tree.
	Linked map[string][]string
	// Remade are the directories in a surveyed one that were made after it was found
	// changed, by that one's path.
	Remade map[string][]string
	// Apart is what could not go in a list of names, and has to go by its own, and
	// unlisted are the trees of the flight of which there is no list.
	Apart    map[string]dirty.Flags
	Unlisted []Unlisted
}

// OpenQuestions are the paths at which something may stand that decides what becomes
// of the outcome: what was deleted and may have come back, what a complaint is about,
// and what only the remote was known to have. followed says that links are followed.
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

// EntryOf is the entry of a directory that a path below it is, or is in.
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
