package filterqueue

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/inotify"
)

// verdict is what an event leads to.
type verdict struct {
	selected bool // the switches ask for this kind of event
	settle   bool // a created file: look what it is, or wait for its close
	mark     bool
	flags    Flags
}

// judge applies the switches to an event that no filter has dropped.
func judge(sw *confxml.Switches, e *inotify.Event) verdict {
	if e.Path == "" {
		// Of the root itself only its attributes matter; what becomes of it
		// is reported as a RootState.
		return chosen(sw.Attrib && e.Op == inotify.Attrib, 0)
	}
	if e.Dir {
		return judgeDir(sw, e)
	}
	switch e.Op {
	case inotify.Create:
		if sw.CreateFile {
			return chosen(true, Content)
		}
		return verdict{settle: true}
	case inotify.CloseWrite:
		return chosen(sw.CloseWrite, Content)
	case inotify.Modify:
		return chosen(sw.Modify, Content)
	case inotify.MovedTo:
		return chosen(sw.MoveTo, Content)
	case inotify.Attrib:
		return chosen(sw.Attrib, 0)
	case inotify.Delete:
		return chosen(sw.Delete, Gone)
	case inotify.MovedFrom:
		return left(sw, Gone)
	}
	return verdict{}
}

func judgeDir(sw *confxml.Switches, e *inotify.Event) verdict {
	switch e.Op {
	case inotify.Create:
		// Before it is covered, a run could miss what comes into being in it.
		return chosen(sw.CreateFolder && e.Covered, Tree)
	case inotify.MovedTo:
		return chosen(sw.MoveTo && e.Covered, Tree|Content)
	case inotify.Attrib:
		return chosen(sw.Attrib, 0)
	case inotify.Delete:
		return chosen(sw.Delete, Tree|Gone)
	case inotify.MovedFrom:
		return left(sw, Tree|Gone)
	}
	return verdict{}
}

func chosen(on bool, f Flags) verdict {
	if !on {
		return verdict{}
	}
	return verdict{selected: true, mark: true, flags: f}
}

// left judges a move away: for the target it is a deletion, and only delete
// allows one. A plugin is told all the same, as by 2.5.4.
func left(sw *confxml.Switches, f Flags) verdict {
	v := chosen(sw.MoveFrom, f)
	v.mark = v.mark && sw.Delete
	return v
}

// mask is the event as the kernel numbers it, for plugins.
func mask(e *inotify.Event) uint32 {
	m := [...]uint32{
		inotify.Create:     unix.IN_CREATE,
		inotify.CloseWrite: unix.IN_CLOSE_WRITE,
		inotify.Modify:     unix.IN_MODIFY,
		inotify.Attrib:     unix.IN_ATTRIB,
		inotify.Delete:     unix.IN_DELETE,
		inotify.MovedFrom:  unix.IN_MOVED_FROM,
		inotify.MovedTo:    unix.IN_MOVED_TO,
	}[e.Op]
	if e.Dir {
		m |= unix.IN_ISDIR
	}
	return m
}

// baseName is the last component of a path.
func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
