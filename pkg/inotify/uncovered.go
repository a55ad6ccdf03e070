package inotify

import (
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// maxUncovered bounds the list of directories without a watch; beyond it the
// tree as a whole is tried again.
const maxUncovered = 10000

// uncovered are the directories that could not be watched or read. Guarded by
// session.mu.
type uncovered struct {
	dirs    map[jobKey]error
	tooMany bool      // there are more than the list holds: the next round walks everything
	freed   bool      // watches became free
	next    time.Time // of the next round of tries; zero: none is due
}

// add notes why a directory has no watch. first says that it is the only one; listed says that it
// was added to the list.
func (u *uncovered) add(key jobKey, err error) (first, listed bool) {
	first = len(u.dirs) == 0
	if _, known := u.dirs[key]; !known {
		if len(u.dirs) >= maxUncovered {
			u.tooMany = true
			return first, false
		}
		listed = true
	}
	u.dirs[key] = err
	return first, listed
}

// due tells whether a round of tries is due.
func (u *uncovered) due(now time.Time, every time.Duration) bool {
	if len(u.dirs) == 0 && !u.tooMany {
		u.next, u.freed = time.Time{}, false
		return false
	}
	if u.next.IsZero() {
		u.next = now.Add(every)
	}
	if soon := now.Add(freedRetry); u.freed && soon.Before(u.next) {
		u.next = soon
	}
	u.freed = false
	return !now.Before(u.next)
}

// uncover notes that a directory could not be watched or read. Before the next round of tries no
// repair looks at it or below it.
func (s *session) uncover(key jobKey, rel string, err error) {
	s.mu.Lock()
	if p := s.t.lookup(key.wd); p != none {
		s.t.listed(s.t.childOf(p, []byte(key.name)), s.repair.gen)
	}
	first, listed := s.uncovered.add(key, err)
	if listed {
		s.out = append(s.out, note{path: rel, err: err})
	}
	s.mu.Unlock()
	if first {
		s.w.log.Warn("directory cannot be watched, its content is rescanned"+watchRemedy(bare(err)),
			zap.String("path", rel), zap.Duration("delay", s.w.opt.Retry), zap.Error(err))
	}
}

func bare(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// coveredLocked notes that a directory is watched now, or gone.
func (s *session) coveredLocked(key jobKey, rel string) {
	if _, was := s.uncovered.dirs[key]; was {
		delete(s.uncovered.dirs, key)
		s.out = append(s.out, note{path: rel})
	}
}

// retryUncovered starts a round of tries when it is due.
func (s *session) retryUncovered(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &s.uncovered
	if !u.due(now, s.w.opt.Retry) || s.jobs.running > 0 {
		return
	}
	u.next = now.Add(s.w.opt.Retry)
	if u.tooMany {
		u.tooMany, s.repair.wanted, s.repair.report = false, true, true
	}
	for key, err := range u.dirs {
		if s.t.lookup(key.wd) == none {
			delete(u.dirs, key)
			s.out = append(s.out, note{path: key.name})
			continue
		}
		j := &job{key: key, purpose: walkBelow}
		// A directory that may not be read cannot be rescanned either.
		if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
			j.purpose |= reportBack
		}
		s.jobs.add(j)
	}
}
