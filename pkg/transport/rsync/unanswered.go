package rsync

import (
	"regexp"
	"strings"
)

// unanswered tells whether a run broke off before the receiver had said a word:
// it printed nothing, and what the client says is about the connection alone.
func (r *reading) unanswered() bool {
	if r.Exit != 10 && r.Exit != 12 || r.Lines > 0 {
		return false
	}
	for line := range strings.SplitSeq(strings.TrimSpace(r.Stderr), "\n") {
		if !lostConnection.MatchString(line) {
			return false
		}
	}
	return true
}

// lostConnection is what a client says of a connection that has ended. The bytes
// that it counts are those after the greeting and the arguments.
var lostConnection = regexp.MustCompile(`^(rsync: (\[sender\] )?((read|write) error|safe_(read|write) failed|writefd_unbuffered failed)\b.*|rsync: connection unexpectedly closed \(0 bytes received so far\).*|rsync error: .* \[sender=[^\]]*\]|)$`)
