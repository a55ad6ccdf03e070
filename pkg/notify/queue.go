package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

const (
	// maxQueue is the number of messages from which on only the latest about each subject is kept.
	// So the queue is bounded by this and the number of subjects.
	maxQueue = 200
	// maxRejections is how often a message may be rejected before the one behind it is
	// tried: if that one is taken, the first is given up.
	maxRejections = 10
)

// entry is a message that the receiver has not yet.
type entry struct {
	Message  Message `json:"message"`
	Subject  string  `json:"subject"`
	Rejected int     `json:"rejected,omitempty"`
}

// queue holds the messages in the order in which they are delivered. It is not safe for
// concurrent use.
type queue struct{ entries []entry }

// add puts a message at the end. What would only repeat one that still waits is left
// out. flying messages at the front are being delivered.
func (q *queue) add(m Message, flying int) {
	same := func(e entry) bool { return e.Subject == m.subject }
	waiting := q.entries[min(flying, len(q.entries)):]
	if m.Status == Repeat && slices.ContainsFunc(waiting, same) {
		return
	}
	if len(q.entries) >= maxQueue {
		kept := slices.Clone(q.entries[:len(q.entries)-len(waiting)])
		for _, e := range waiting {
			if same(e) {
				m.Skipped += e.Message.Skipped + 1
				continue
			}
			kept = append(kept, e)
		}
		q.entries = kept
	}
	q.entries = append(q.entries, entry{Message: m, Subject: m.subject})
}

// next is the index of the message to deliver, -1 for none.
func (q *queue) next() int {
	switch n := len(q.entries); {
	case n == 0:
		return -1
	case n > 1 && q.entries[0].Rejected >= maxRejections && q.entries[0].Rejected%maxRejections == 0:
		return 1
	}
	return 0
}

// delivered removes the message at i, and returns the one before it if that is given up, because
// the receiver accepts others and has rejected that one often enough.
func (q *queue) delivered(i int) (givenUp *Message) {
	if i > 0 {
		givenUp = &q.entries[0].Message
	}
	q.entries = slices.Clone(q.entries[i+1:])
	return givenUp
}

// failed notes that the message at i was not taken.
func (q *queue) failed(rejected bool, i int) {
	if i > 0 || rejected {
		q.entries[0].Rejected++ // with i > 0 it is the first one's turn again
	}
}

// oldest is since when the receiver has been lacking something.
func (q *queue) oldest() time.Time {
	if len(q.entries) == 0 {
		return time.Time{}
	}
	return q.entries[0].Message.Time
}

// saved is the form on the disk of what outlives a process.
type saved struct {
	Version    int                       `json:"version"`
	Conditions map[string]savedCondition `json:"conditions"`
	Queue      []entry                   `json:"queue"`
}

type savedCondition struct {
	Told     status.Level `json:"told"`
	ToldAt   time.Time    `json:"told_at,omitzero"`
	Verified time.Time    `json:"verified,omitzero"`
}

const savedVersion = 1

// encode is the state of a notifier as bytes.
func encode(j *Judge, q *queue) ([]byte, error) {
	s := saved{Version: savedVersion, Conditions: map[string]savedCondition{}, Queue: q.entries}
	for key, c := range j.conditions {
		if c.told != status.InSync || !c.verified.IsZero() {
			s.Conditions[key] = savedCondition{Told: c.told, ToldAt: c.toldAt, Verified: c.verified}
		}
	}
	return json.Marshal(s)
}

// decode reverses encode.
func decode(data []byte, j *Judge, q *queue) error {
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s.Version != savedVersion {
		return fmt.Errorf("version %d, and %d is known", s.Version, savedVersion)
	}
	for key, c := range s.Conditions {
		if c.Told < status.InSync || c.Told > status.Failing {
			return fmt.Errorf("level %d of %s is unknown", c.Told, key)
		}
		j.conditions[key] = &condition{told: c.Told, toldAt: c.ToldAt, verified: c.Verified}
	}
	for i := range s.Queue {
		s.Queue[i].Message.subject = s.Queue[i].Subject
	}
	q.entries = s.Queue
	return nil
}
