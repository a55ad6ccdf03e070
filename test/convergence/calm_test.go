package convergence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// calm is what happens to a tree on an ordinary day: a directory is moved, all of it arrives, and
// only then somebody works in it. At full speed the next change would hide a mistake that was made
// about the last one.
const (
	calmRounds = 16
	calmPause  = 250 * time.Millisecond
)

func (s *scene) calm(seed int64) {
	s.t.Helper()
	w := s.writer(seed, 77, func() {})
	for i := range calmRounds {
		from := w.standing()
		if from == "" {
			continue
		}
		to := fmt.Sprintf("calm %d", i)
		if up := w.standing(); up != "" && !strings.HasPrefix(up+"/", from+"/") {
			to = up + "/" + to
		}
		err := os.Rename(w.full(from), w.full(to))
		w.log.add(w.name, fmt.Sprintf("calmly mv %q %q", from, to), err, from, to)
		if err != nil {
			continue
		}
		time.Sleep(time.Duration(w.rnd.Int64N(int64(calmPause)))) // the pause is a part of the operation
		name := to + "/then"
		err = w.put(name, os.O_CREATE|os.O_TRUNC, w.text())
		w.log.add(w.name, fmt.Sprintf("calmly write %q", name), err, name)
	}
}

// standing returns a directory below the root that exists, "" if there is none.
func (w *writer) standing() string {
	var all []string
	_ = filepath.WalkDir(w.src, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != w.src {
			all = append(all, path[len(w.src)+1:])
		}
		return nil // a directory that cannot be read is left out
	})
	if len(all) == 0 {
		return ""
	}
	return w.pick(all)
}
