package http

import (
	"testing"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/plugins"
)

// TestMaskOfEachKind: receivers that expect the form of 2.5.4 know the numbers of inotify(7).
func TestMaskOfEachKind(t *testing.T) {
	for kind, want := range map[fsevent.Op]uint32{
		fsevent.Create: 0x100, fsevent.CloseWrite: 0x8, fsevent.Modify: 0x2, fsevent.Attrib: 0x4,
		fsevent.Delete: 0x200, fsevent.MovedFrom: 0x40, fsevent.MovedTo: 0x80,
	} {
		if got := mask(plugins.Event{Kind: kind}); got != want {
			t.Errorf("kind %d is %#x, want %#x", kind, got, want)
		}
		if got := mask(plugins.Event{Kind: kind, Dir: true}); got != want|0x40000000 {
			t.Errorf("kind %d of a directory is %#x, want %#x", kind, got, want|0x40000000)
		}
	}
}
