package child

import "time"

const (
	// askAfter is how long a child moves no byte before its remote is asked whether
	// it still answers, and askAgain the pause after a question without an answer.
	askAfter = 10 * time.Second
	askAgain = 3 * time.Second
	// mayMiss is how many questions in a row a busy remote may leave unanswered.
	mayMiss = 2
)

// answering tells from questions to the remote of a silent child whether the remote
// is frozen or out of reach. A run that computes checksums may be silent for
// minutes, and its remote answers all the while.
type answering struct {
	ask    func() bool // asks the remote whether it answers; nil: it is not asked
	next   time.Time
	missed int
}

// frozen takes for how long the child has been silent, asks when it is time to, and
// tells whether the remote has left too many questions unanswered.
func (a *answering) frozen(silent time.Duration, now time.Time) bool {
	switch {
	case a.ask == nil, now.Before(a.next):
		return false
	case silent < askAfter:
		a.missed = 0
		return false
	case a.ask():
		a.missed, a.next = 0, now.Add(askAfter)
		return false
	}
	a.missed++
	a.next = now.Add(askAgain)
	return a.missed > mayMiss
}
