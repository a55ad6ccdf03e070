package records

import (
	"errors"
	"sync"

	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/ledger"
)

// Ledgers writes down what the lanes have sent; no lane waits for the disk.
type Ledgers struct {
	*Writer
	dir string // of the state; empty: nothing is written

	mu   sync.Mutex
	list []*ledger.Ledger
}

// NewLedgers makes the writer of the ledgers in the state directory dir; tell is that
// of NewWriter.
func NewLedgers(dir string, d *Disk, tell func(error)) *Ledgers {
	l := &Ledgers{dir: dir}
	l.Writer = NewWriter(d, l.write, tell)
	return l
}

// Of returns a lane's ledger; nil where no state is kept.
func (l *Ledgers) Of(lane string) *ledger.Ledger {
	if l.dir == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := ledger.New(lanestate.LedgerPath(l.dir, lane), l.Soon)
	l.list = append(l.list, next)
	return next
}

func (l *Ledgers) write() error {
	l.mu.Lock()
	list := l.list
	l.mu.Unlock()
	var errs []error
	for _, one := range list {
		errs = append(errs, one.Write())
	}
	return errors.Join(errs...)
}
