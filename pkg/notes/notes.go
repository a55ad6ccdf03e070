// Package notes holds what a person should know about the program as a whole
// although syncing goes on: that no state can be saved, that a reload was refused.
// The status shows these notes, and the log says when each begins and ends.
package notes

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/records"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/status"
)

// List holds what a person should know about the program as a whole although
// syncing goes on. Each is logged when it begins and when it is over, and
// shown in the status between. Safe for concurrent use.
type List struct {
	log *zap.Logger

	mu   sync.Mutex
	list map[string]status.Note // by subject
}

// New is a list without notes.
func New(log *zap.Logger) *List { return &List{log: log, list: map[string]status.Note{}} }

// Begin shows a note until End is called with its subject.
func (n *List) Begin(subject, reason, remedy string) {
	if n.show(subject, reason, remedy) {
		n.log.Warn(subject, zap.String("reason", reason), zap.String("remedy", remedy))
	}
}

// Refused shows a note about something that a person has asked for: it is logged each time.
func (n *List) Refused(subject string, err error, remedy string) {
	n.show(subject, err.Error(), remedy)
	n.log.Error(subject, zap.Error(err), zap.String("remedy", remedy))
}

// show puts a note into the list, the newest reason in it, and tells whether it is
// new.
func (n *List) show(subject, reason, remedy string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	since := time.Now()
	old, known := n.list[subject]
	if known {
		since = old.Since
	}
	n.list[subject] = status.Note{Subject: subject, Reason: reason, Remedy: remedy, Since: since}
	return !known
}

// End takes a note away.
func (n *List) End(subject string) {
	n.mu.Lock()
	_, known := n.list[subject]
	delete(n.list, subject)
	n.mu.Unlock()
	if known {
		n.log.Info("over: " + subject)
	}
}

// All are the notes, the oldest first.
func (n *List) All() (list []status.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, note := range n.list {
		list = append(list, note)
	}
	slices.SortFunc(list, func(a, b status.Note) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Subject, b.Subject))
	})
	return list
}

// Written returns the function to which a writer of path reports the outcome of each write; place
// is the setting by which the configuration names another path.
func (n *List) Written(subject, path, place string) func(error) {
	return func(err error) {
		if err == nil {
			n.End(subject)
			return
		}
		n.Begin(subject, err.Error(), writeRemedy(err, path, place))
	}
}

// writeRemedy is what can be done when path cannot be written.
func writeRemedy(err error, path, place string) string {
	remedy := "let the user of sersync write to {path}, or name another place in {place}"
	switch {
	case errors.Is(err, records.ErrSlow):
		remedy = "look at the disk or the server below {path}, or name another place in {place}"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		remedy = "free space in the file system of {path}, or name another place in {place}"
	case errors.Is(err, unix.EROFS):
		remedy = "mount the file system of {path} for writing, or name another place in {place}"
	case errors.Is(err, safefile.ErrUntrusted):
		remedy = "do what the reason says, or name another place in {place}"
	}
	return strings.NewReplacer("{path}", path, "{place}", place).Replace(remedy)
}
