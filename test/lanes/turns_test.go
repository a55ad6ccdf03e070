package lanes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// A file that takes for ever delays neither small files nor big ones, whoever owns it, although all
// of them share one slot.
func TestAFileWithoutEndDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuS --bwlimit=20000", options: func(o *setup) { o.Slots = slots.NewSlots(1, slots.NewTotal(1)) }})
	put(t, b.src, "evil/huge", "x")
	must(t, os.Truncate(b.src+"/evil/huge", 1<<42))
	b.Mark("evil/huge", dirty.Content)
	testkit.Eventually(t, patient, "it is on its way", func() bool {
		on, err := filepath.Glob(b.dst + "/evil/.huge.*")
		return err == nil && len(on) > 0
	})
	put(t, b.src, "good/big", "")
	must(t, os.Truncate(b.src+"/good/big", bigFile+1))
	b.Mark("good/big", dirty.Content)
	b.write("good/small", "1")
	b.arrives("good/small", "1")
	testkit.Eventually(t, patient, "the big file is there", func() bool {
		info, err := os.Stat(b.dst + "/good/big")
		return err == nil && info.Size() == bigFile+1
	})
	must(t, os.Remove(b.src+"/evil/huge"))
	b.daemon.Stop() // otherwise its run would get some seconds to end
}

// On a slow link small files do not wait for one of some megabytes, not even the first time.
func TestSmallFilesPassOnASlowLink(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artu --bwlimit=60"})
	put(t, b.src, "d/large", strings.Repeat("x", 6<<20))
	b.Mark("d/large", dirty.Content)
	for i := range 5 {
		b.write("d/small", fmt.Sprint(i))
		b.arrives("d/small", fmt.Sprint(i))
	}
	if b.there("d/large") != "<none>" {
		t.Error("the large file was there: nothing was shown")
	}
	b.daemon.Stop()
}
