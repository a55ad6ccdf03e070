package inotify

import (
	"strings"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/mountpoints"
)

// mounts follows the mount points at and below the root. Owned by the reader.
type mounts struct {
	mountpoints.Points
	changed bool
}

// followMounts reports what was mounted and unmounted since the last look,
// and has those places walked again.
func (s *session) followMounts(h fsevent.Handler) {
	m := &s.mounts
	if m.FD() < 0 || !m.changed {
		return
	}
	m.changed = false
	before, now := m.Look(), m.Mounts()
	for rel, was := range before {
		if now[rel].ID != was.ID {
			s.mountChanged(h, rel, false)
		}
	}
	for rel, is := range now {
		if before[rel].ID != is.ID {
			s.mountChanged(h, rel, true)
		} else {
			// If a file system was unmounted and another one mounted unseen, it may have the same
			// id, but its directory has no watch.
			s.lookAtMount(&job{purpose: checkMount}, rel)
		}
	}
	s.lookAtRoot()
}

func (s *session) mountChanged(h fsevent.Handler, rel string, appeared bool) {
	h.Mount(rel, appeared)
	s.lookAtMount(&job{purpose: walkBelow}, rel)
}

// lookAtMount queues j for a mount point below the root.
func (s *session) lookAtMount(j *job, rel string) {
	if rel == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, name := s.t.root, rel
	for dir != none {
		first, rest, more := strings.Cut(name, "/")
		if !more {
			j.key = jobKey{s.t.at(dir).wd, name}
			s.jobs.addLook(j)
			return
		}
		dir, name = s.t.childOf(dir, []byte(first)), rest
	}
}
