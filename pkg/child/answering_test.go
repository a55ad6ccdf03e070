package child

import (
	"testing"
	"time"
)

// TestAFrozenRemoteIsFoundByAsking: a silent child is given up when its remote has left several
// questions in a row unanswered, and never while the remote answers now and then.
func TestAFrozenRemoteIsFoundByAsking(t *testing.T) {
	const step = time.Second
	for name, c := range map[string]struct {
		answers []bool // the answers in turn; after the last one there are no more
		moves   bool   // the child moves a byte every few seconds
		frozen  bool
	}{
		"frozen":                  {frozen: true},
		"busy":                    {answers: []bool{false, false, true, false, false, true, false, false, true, false, true, true, true, true}},
		"frozen later":            {answers: []bool{true, true, false}, frozen: true},
		"not silent for long":     {moves: true},
		"answers all the while":   {answers: []bool{true, true, true, true, true, true, true, true, true, true, true}},
		"the last one in a while": {answers: []bool{false, false, true}, frozen: true},
	} {
		asked, frozen := 0, false
		a := answering{ask: func() bool {
			asked++
			return asked <= len(c.answers) && c.answers[asked-1]
		}}
		begin := time.Now()
		silent := time.Duration(0)
		for at := time.Duration(0); at < 70*time.Second && !frozen; at += step {
			if silent += step; c.moves && silent > askAfter/2 {
				silent = 0
			}
			frozen = a.frozen(silent, begin.Add(at))
		}
		if frozen != c.frozen {
			t.Errorf("%s: frozen is %v after %d questions", name, frozen, asked)
		}
	}
	if (&answering{}).frozen(time.Hour, time.Now()) {
		t.Error("frozen, and nobody asks")
	}
}
