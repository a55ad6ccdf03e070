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

// uncover notes that a directory could not be watched or read.
func (s *session) uncover(key jobKey, rel string, err error) {
	s.mu.Lock()
	s.giveUpLocked(key)
	first := len(s.uncov) == 0
	if _, known := s.uncov[key]; !known {
		if len(s.uncov) >= maxUncovered {
			s.uncovAll = true
			s.mu.Unlock()
			return
		}
		s.out = append(s.out, note{path: rel, err: err})
	}
	s.uncov[key] = err
	s.mu.Unlock()
	if first {
		s.w.log.Warn("directory cannot be watched, its content is rescanned"+watchRemedy(bare(err)),
			zap.String("path", rel), zap.Duration("delay", s.w.opt.Retry), zap.Error(err))
	}
}

// giveUpLocked takes what the table has at key, and below it, out of a repair:
// there is no look at it before the next round of tries.
func (s *session) giveUpLocked(key jobKey) {
	p := s.t.lookup(key.wd)
	if p == none {
		return
	}
	top := s.t.childOf(p, []byte(key.name))
	for todo := []int32{top}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == none {
			continue
		}
		s.t.at(n).seen = s.repair.gen
		for c := s.t.at(n).child; c != none; c = s.t.at(c).next {
			todo = append(todo, c)
		}
	}
}

func bare(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// covered notes that a directory is watched now, or gone.
func (s *session) covered(key jobKey, rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coveredLocked(key, rel)
}

func (s *session) coveredLocked(key jobKey, rel string) {
	if _, was := s.uncov[key]; was {
		delete(s.uncov, key)
		s.out = append(s.out, note{path: rel})
	}
}

// retryUncovered starts a round of tries when it is due.
func (s *session) retryUncovered(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.uncov) == 0 && !s.uncovAll {
		s.nextRetry, s.freed = time.Time{}, false
		return
	}
	if s.nextRetry.IsZero() {
		s.nextRetry = now.Add(s.w.opt.Retry)
	}
	if soon := now.Add(freedRetry); s.freed && soon.Before(s.nextRetry) {
		s.nextRetry = soon
	}
	s.freed = false
	if now.Before(s.nextRetry) || s.jobs.running > 0 {
		return
	}
	s.nextRetry = now.Add(s.w.opt.Retry)
	if s.uncovAll {
		s.uncovAll, s.repair.wanted, s.repair.report = false, true, true
	}
	for key, err := range s.uncov {
		if s.t.lookup(key.wd) == none {
			delete(s.uncov, key)
			s.out = append(s.out, note{path: key.name})
			continue
		}
		// What may not be read cannot be rescanned either.
		denied := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
		s.addJob(&job{key: key, deep: true, retry: !denied})
	}
}
