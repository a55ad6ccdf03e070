package carry

import (
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// sends collects the names that a run has listed as sent, and enters their present versions into
// the ledger. A version that was written after the run has an event, so it is sent and entered in
// its turn; a version that was tried and has not arrived is on no remote.
type sends struct {
	to    *ledger.Ledger
	files func(names []string) []disk.File
	names []string
}

// sends returns nil for a run that changes nothing on the remote, and where there is no ledger.
func (r *runner) sends(run transport.Batch) *sends {
	if r.ledger == nil || run.Verify {
		return nil
	}
	return &sends{to: r.ledger, files: r.Files}
}

// sendsMost bounds the names that are collected before they are entered.
const sendsMost = 4096

func (s *sends) add(path string) {
	if s == nil {
		return
	}
	if s.names = append(s.names, path); len(s.names) >= sendsMost {
		s.flush()
	}
}

func (s *sends) flush() {
	if s == nil || len(s.names) == 0 {
		return
	}
	versions := make([]ledger.Version, 0, len(s.names))
	for _, f := range s.files(s.names) {
		versions = append(versions, f.Version())
	}
	s.names = s.names[:0]
	s.to.Add(versions)
}
