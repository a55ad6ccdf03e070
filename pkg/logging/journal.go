package logging

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"go.uber.org/zap/zapcore"
)

// errNoJournal says that journald is not running here.
var errNoJournal = errors.New("open log: the journal is not reachable")

// sendFunc sends one entry to the journal.
type sendFunc func(message string, p journal.Priority, vars map[string]string) error

// journalCore writes entries with their fields as fields of the journal:
// root becomes SERSYNC_ROOT. The message carries the fields as text too, for
// whoever reads with plain journalctl.
type journalCore struct {
	zapcore.LevelEnabler
	text *textEncoder
	send sendFunc
}

func newJournal(level zapcore.LevelEnabler) (zapcore.Core, error) {
	if !journal.Enabled() {
		return nil, errNoJournal
	}
	return &journalCore{level, newTextEncoder(true, false), journal.Send}, nil
}

// With implements zapcore.Core.
func (c *journalCore) With(fields []zapcore.Field) zapcore.Core {
	text := newTextEncoder(true, false)
	maps.Copy(text.Fields, c.text.Fields)
	for _, f := range fields {
		f.AddTo(text)
	}
	return &journalCore{c.LevelEnabler, text, c.send}
}

// Check implements zapcore.Core.
func (c *journalCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *journalCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	all := zapcore.NewMapObjectEncoder()
	maps.Copy(all.Fields, c.text.Fields)
	for _, f := range fields {
		f.AddTo(all)
	}
	vars := map[string]string{"SERSYNC_LOGGER": e.LoggerName, "SYSLOG_IDENTIFIER": "sersync"}
	for k, v := range all.Fields {
		if name := journalName(k); name != "" {
			vars[name] = textOf(v)
		}
	}
	b := c.text.pool.Get()
	defer b.Free()
	b.AppendString(printableMessage(e.Message))
	c.text.writeFields(b, fields)
	if err := c.send(b.String(), priority(e.Level), vars); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// Sync implements zapcore.Core.
func (*journalCore) Sync() error { return nil }

// journalName makes a field name as systemd.journal-fields(7) wants it.
func journalName(key string) string {
	return "SERSYNC_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
}

func priority(l zapcore.Level) journal.Priority {
	switch {
	case l >= zapcore.ErrorLevel:
		return journal.PriErr
	case l >= zapcore.WarnLevel:
		return journal.PriWarning
	case l >= zapcore.InfoLevel:
		return journal.PriInfo
	default:
		return journal.PriDebug
	}
}
