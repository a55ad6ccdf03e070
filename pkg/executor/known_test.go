package executor

import (
	"fmt"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// The known differences keep their names over each restart, however many there are, so that each of
// them can be settled.
func TestKnownNamesOutliveRestarts(t *testing.T) {
	var paths []string
	for i := range 3 * status.ComparisonNames {
		paths = append(paths, fmt.Sprint("f", i))
	}
	k := &known{}
	for range 3 {
		for _, p := range paths { // after each start the same differences are found
			k.add(status.Newer, p)
		}
		k.tell(time.Now())
		next := &known{}
		next.restore(k.told.Whole())
		k = next
	}
	if got := k.told.List(); len(got) != 1 || got[0].Count != len(paths) || len(got[0].Names) != status.ComparisonNames {
		t.Errorf("after restarts: %+v", got)
	}
	for _, p := range paths {
		k.settle(p, false, status.Newer)
	}
	k.tell(time.Now())
	if k.told.Any() {
		t.Errorf("all are settled: %+v", k.told.List())
	}
}
