package laneconf

import (
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// A reload may bring paths into the mirror that were left out before. These have to be compared,
// and the digest of the choice tells when.
func TestChoiceHoldsTheSwitches(t *testing.T) {
	var conf confxml.Config
	conf.Inotify = confxml.Switches{CreateFolder: true, CloseWrite: true, MoveTo: true}
	of := func(change func(*confxml.Switches)) string {
		c := conf
		change(&c.Inotify)
		return Choice(c, confxml.LocalPath{}, confxml.Remote{})
	}
	shipped := of(func(*confxml.Switches) {})
	for name, change := range map[string]func(*confxml.Switches){
		"createFolder": func(s *confxml.Switches) { s.CreateFolder = false },
		"closeWrite":   func(s *confxml.Switches) { s.CloseWrite = false },
		"moveTo":       func(s *confxml.Switches) { s.MoveTo = false },
		"attrib":       func(s *confxml.Switches) { s.Attrib = true },
	} {
		if of(change) == shipped {
			t.Errorf("%s makes no difference", name)
		}
	}
	if of(func(s *confxml.Switches) { s.Delete = true }) != shipped {
		t.Error("delete makes one: it has a memory of its own, and what is sent is the same")
	}
}
