package executor

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

func TestEstimated(t *testing.T) {
	began := time.Unix(1700000000, 0)
	p := status.Progress{Done: 25, Total: 100, Since: began}
	if got := p.Estimated(began.Add(10 * time.Second)).Until; !got.Equal(began.Add(40 * time.Second)) {
		t.Errorf("until %v", got)
	}
	for _, early := range []status.Progress{{Done: 25, Total: 100}, {Total: 100, Since: began}, {Done: 5, Since: began}} {
		if got := early.Estimated(began.Add(10 * time.Second)).Until; !got.IsZero() {
			t.Errorf("%+v: until %v", early, got)
		}
	}
}
