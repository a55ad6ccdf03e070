package plugintest

import (
	"os"
	"sync"
)

// Behaviour is what a receiver does at the moment.
type Behaviour int

// The behaviours of receivers.
const (
	Serve     Behaviour = iota // as it should
	Slow                       // with a pause before each answer
	Refuse                     // nobody listens
	Fail                       // accepts and breaks off at once
	Hang                       // accepts and does nothing until it behaves otherwise
	HalfClose                  // closes its sending side first, then reads
	Garbage                    // answers random bytes
	Flood                      // answers without end
)

// String names b for subtests.
func (b Behaviour) String() string {
	names := [...]string{"serve", "slow", "refuse", "fail", "hang", "halfclose", "garbage", "flood"}
	return names[b]
}

// Receipt is one path as a receiver got it. State is the content of the file
// at that path at the moment of the receipt, "" if there is none.
type Receipt struct{ Path, State string }

// Peer is a receiver under the suite's control. It behaves as Serve at first.
type Peer interface {
	Behave(Behaviour)
	// Receipts returns all receipts so far, oldest first. The caller must not
	// change the slice.
	Receipts() []Receipt
}

// Log collects receipts. It is safe for concurrent use.
type Log struct {
	mu       sync.Mutex
	receipts []Receipt
}

// Received notes a path; the state is read from the disk.
func (l *Log) Received(path string) {
	state, err := os.ReadFile(path)
	if err != nil {
		state = nil
	}
	l.mu.Lock()
	l.receipts = append(l.receipts, Receipt{Path: path, State: string(state)})
	l.mu.Unlock()
}

// Receipts returns what was noted so far.
func (l *Log) Receipts() []Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.receipts[:len(l.receipts):len(l.receipts)]
}
