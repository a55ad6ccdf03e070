package executor

import (
	"fmt"
	"testing"
	"time"
)

func TestWhatIsKeptApartForHanging(t *testing.T) {
	now := time.Unix(1000, 0)
	many := func(n int, owner uint32) (h hangs) {
		for i := range n {
			h.note(fmt.Sprint("x", i), owner, now)
		}
		return h
	}
	twice := many(1, 7)
	twice.note("x0", 8, now.Add(hangMemory/2))
	for name, c := range map[string]struct {
		h     hangs
		path  string
		owner uint32
		after time.Duration
		want  bool
	}{
		"nothing has hung":            {hangs{}, "a", 7, 0, false},
		"the path itself":             {many(1, 7), "x0", 7, 0, true},
		"whoever owns it now":         {many(1, 7), "x0", 0, 0, true},
		"another path of the owner":   {many(fewHangs, 7), "a", 7, 0, false},
		"an owner of too many":        {many(fewHangs+1, 7), "a", 7, 0, true},
		"another owner":               {many(fewHangs+1, 7), "a", 8, 0, false},
		"one path often is not many":  {twice, "a", 8, 0, false},
		"remembered":                  {many(1, 7), "x0", 7, hangMemory - 1, true},
		"forgotten":                   {many(1, 7), "x0", 7, hangMemory, false},
		"an owner forgotten":          {many(fewHangs+1, 7), "a", 7, hangMemory, false},
		"hung again":                  {twice, "x0", 7, hangMemory, true},
		"beyond what is remembered":   {many(maxHangs+1, 7), fmt.Sprint("x", maxHangs), 8, 0, false},
		"the last that is remembered": {many(maxHangs+1, 7), fmt.Sprint("x", maxHangs-1), 8, 0, true},
	} {
		if got := c.h.apart(c.path, c.owner, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
