package kernelqueue

import (
	"testing"
	"time"
)

// Each turn is a read of the queue, with the milliseconds since the read before; a negative number
// means that the read has found nothing.
func TestAStreamIsWhatComesAtOnce(t *testing.T) {
	turns := func(n, apart int) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = apart
		}
		return all
	}
	for name, c := range map[string]struct {
		turns []int
		want  bool
	}{
		"nothing":            {nil, false},
		"a change":           {turns(3, 0), false},
		"a tree":             {turns(streamReads, 1), true},
		"one after another":  {turns(1000, 5), false},
		"with a pause in it": {append(turns(100, 1), -5, -5, -5, 4), true},
		"until it ends":      {append(turns(100, 1), -5, -5, -5, -6), false},
		"until it is slow":   {append(turns(100, 1), 21), false},
		"after it was there": {append(append(turns(100, 1), -21), turns(streamReads, 1)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := stream{pause: Short}
			now := time.Now()
			for _, apart := range c.turns {
				now = now.Add(time.Duration(max(apart, -apart)) * time.Millisecond)
				s.read(apart >= 0, now)
			}
			if s.on() != c.want {
				t.Errorf("a stream: %v", s.on())
			}
		})
	}
}
