package filterqueue

import (
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
)

// verdict is what an event leads to.
type verdict struct {
	selected bool // the switches ask for this kind of event
	settle   bool // a created file: look at it, or wait for its close
	mark     bool
	flags    dirty.Flags
}

// judge applies the switches to an event that no filter has dropped.
func judge(sw *confxml.Switches, e *fsevent.Event) verdict {
	if e.Path == "" {
		// Of the root itself only its attributes matter here; that it is gone or back is reported
		// as a RootState.
		return chosen(sw.Attrib && e.Op == fsevent.Attrib, 0)
	}
	if e.Dir {
		return judgeDir(sw, e)
	}
	switch e.Op {
	case fsevent.Create:
		if sw.CreateFile {
			return chosen(true, dirty.Content)
		}
		return verdict{settle: true}
	case fsevent.CloseWrite:
		return chosen(sw.CloseWrite, dirty.Content)
	case fsevent.Modify:
		return chosen(sw.Modify, dirty.Content)
	case fsevent.MovedTo:
		if e.Arrived {
			return chosen(sw.MoveTo, dirty.Arrival)
		}
		return chosen(sw.MoveTo, dirty.Content)
	case fsevent.Attrib:
		return chosen(sw.Attrib, 0)
	case fsevent.Delete:
		return chosen(sw.Delete, dirty.Gone)
	case fsevent.MovedFrom:
		return left(sw, dirty.Gone)
	}
	return verdict{}
}

func judgeDir(sw *confxml.Switches, e *fsevent.Event) verdict {
	switch e.Op {
	case fsevent.Create:
		// Before the directory is covered, a run could miss what is created in it.
		return chosen(sw.CreateFolder && e.Covered, dirty.Tree)
	case fsevent.MovedTo:
		return chosen(sw.MoveTo && e.Covered, dirty.Tree|dirty.Content)
	case fsevent.Attrib:
		return chosen(sw.Attrib, 0)
	case fsevent.Delete:
		return chosen(sw.Delete, dirty.Tree|dirty.Gone)
	case fsevent.MovedFrom:
		return left(sw, dirty.Tree|dirty.Gone)
	default:
		return verdict{}
	}
}

func chosen(on bool, f dirty.Flags) verdict {
	if !on {
		return verdict{}
	}
	return verdict{selected: true, mark: true, flags: f}
}

// left decides about a move away: for the target it is a deletion, which only the switch delete
// allows. Plugins are told in any case, as by 2.5.4.
func left(sw *confxml.Switches, f dirty.Flags) verdict {
	v := chosen(sw.MoveFrom, f)
	v.mark = v.mark && sw.Delete
	return v
}

// baseName is the last component of a path.
func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
