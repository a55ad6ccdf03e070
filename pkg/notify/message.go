package notify

import "time"

// Event is what a message is about.
type Event string

// The events.
const (
	Lane   Event = "lane"   // the level of a lane
	Brake  Event = "brake"  // the brake holds, or the watched directory is gone
	Verify Event = "verify" // what a verification of a lane has found
)

// Events are all of them, in the order of the documentation.
func Events() []Event { return []Event{Lane, Brake, Verify} }

// Status says whether the trouble begins, lasts or is over.
type Status string

// The states of a trouble.
const (
	Problem Status = "problem"
	Repeat  Status = "repeat"
	Over    Status = "over"
)

// Message is what a receiver is told. Its JSON form is the body of a webhook without
// a template, and what a command reads. Bytes of a name that are not text are escaped.
type Message struct {
	ID     string    `json:"id"` // the same each time it is delivered
	Time   time.Time `json:"time"`
	Event  Event     `json:"event"`
	Status Status    `json:"status"`
	// Level and Previous are "in sync", "lagging" or "failing". Previous is what was
	// told last.
	Level    string `json:"level"`
	Previous string `json:"previous"`

	Host   string `json:"host"`
	Config string `json:"config"` // the configuration file
	Root   string `json:"root"`   // the watched directory
	Remote string `json:"remote"` // empty: the message is about the directory
	Lane   string `json:"lane"`   // empty: the message is about the directory

	Text   string    `json:"text"`   // all of it in one line
	Reason string    `json:"reason"` // may be empty
	Remedy string    `json:"remedy"` // what a person can do; may be empty
	Since  time.Time `json:"since"`  // when the level became what it is
	// Until is when the message has lost its meaning unless another one about the same
	// comes: alert managers need an end.
	Until time.Time `json:"until"`
	// Skipped is how many older messages about the same could not be delivered and are
	// replaced by this one.
	Skipped int `json:"skipped"`

	// subject says what the message is about, as the key of a condition.
	subject string
}
