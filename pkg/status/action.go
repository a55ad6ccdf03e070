package status

import "errors"

// Verb is what an operator can ask the running program for.
type Verb string

// The verbs; each is the last element of its URL below /api/.
const (
	Resync      Verb = "resync"       // full sync now
	Verify      Verb = "verify"       // compare source and target, change nothing; see Lane.Verify
	AcceptEmpty Verb = "accept-empty" // release the brake
	Pause       Verb = "pause"        // start no run until Resume
	Resume      Verb = "resume"
	Reload      Verb = "reload" // read the configuration again; of no single lane
)

// Verbs are all verbs.
func Verbs() []Verb { return []Verb{Resync, Verify, AcceptEmpty, Pause, Resume, Reload} }

// Request is the body of an action in JSON.
type Request struct {
	Lane string `json:"lane"` // Lane.ID; empty: every lane
}

// ErrUnknownLane says that a lane id names no lane.
var ErrUnknownLane = errors.New("no such lane")
