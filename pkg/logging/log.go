package logging

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log is the program's log. Its Logger, and all that is derived from it, stay
// as they are when Apply sends the entries elsewhere. It is safe for concurrent
// use.
type Log struct {
	standard *os.File
	logger   *zap.Logger
	applying sync.Mutex // held by Apply, before mu

	// mu is held to write an entry, and alone to change or close the place: no
	// entry is written to a file that is being closed.
	mu  sync.RWMutex
	now atomic.Pointer[place] // changed under mu
}

// Open starts the log. debug (2.5.4's <debug start="true">) lowers the level
// to debug whatever the configuration says. standard is where entries go
// without a file, normally os.Stderr; it is coloured when it is a terminal and
// NO_COLOR is not set.
//
// A file or journal that cannot be used is no error: the entries go to standard
// instead and the first one says so, because the sync must not depend on the
// log. Errors are ErrFormat and ErrLevel only.
func Open(conf confxml.Log, debug bool, standard *os.File) (*Log, error) {
	p, err := open(conf, debug, standard)
	if err != nil {
		return nil, err
	}
	l := &Log{standard: standard}
	l.now.Store(p)
	l.logger = zap.New(&core{log: l})
	if p.trouble != nil {
		l.logger.Warn("log goes to standard error", zap.Error(p.trouble), zap.String("remedy", fileRemedy))
	}
	return l, nil
}

const fileRemedy = "name a file that this user can write in <log file>, or format=\"console\""

// Logger is where to log; it never changes.
func (l *Log) Logger() *zap.Logger { return l.logger }

// Apply changes level, form and place of the entries to come. It closes the log file, so that one
// that was moved away is made anew. If the new place cannot be used, entries go where they went
// before, and the log says so. Errors are ErrFormat and ErrLevel; then nothing has changed.
func (l *Log) Apply(conf confxml.Log, debug bool) error {
	l.applying.Lock()
	defer l.applying.Unlock()
	old := l.now.Load()
	level, err := levelOf(conf.Level, debug)
	if err != nil {
		return err
	}
	same := old.conf
	same.Level = conf.Level
	if conf == same && old.trouble == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		old.level.SetLevel(level)
		old.conf = conf
		return old.close() // the next entry opens it again
	}
	next, err := open(conf, debug, l.standard)
	if err != nil {
		return err
	}
	if next.trouble != nil {
		old.level.SetLevel(level)
		l.logger.Warn("the log of the new configuration cannot be used, the old log goes on", zap.Error(next.trouble), zap.String("remedy", fileRemedy))
		return nil
	}
	l.logger.Info("the log goes on in another place", zap.String("file", conf.File), zap.String("format", conf.Format))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Store(next)
	return old.close()
}

// ToStandard tells whether the entries go to standard error.
func (l *Log) ToStandard() bool { return l.now.Load().standard }

// StandardMoved decides about colours again: standard error may now be a file and not the terminal
// that it was at Open.
func (l *Log) StandardMoved() error {
	l.applying.Lock()
	defer l.applying.Unlock()
	old := l.now.Load()
	if !old.standard {
		return nil
	}
	next, err := open(old.conf, old.level.Level() == zapcore.DebugLevel, l.standard)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Store(next)
	return old.close()
}

// Close closes the file; call it after the last entry.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.Load().close()
}

// core passes entries on to where the log is now.
type core struct {
	log    *Log
	fields []zapcore.Field // of With, immutable
	// with is the place's core with these fields; made anew once the place has
	// changed.
	with atomic.Pointer[derived]
}

type derived struct {
	of *place
	zapcore.Core
}

// Enabled implements zapcore.LevelEnabler.
func (c *core) Enabled(level zapcore.Level) bool { return c.log.now.Load().level.Enabled(level) }

// With implements zapcore.Core.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{log: c.log, fields: slices.Concat(c.fields, fields)}
}

// Check implements zapcore.Core.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.mu.RLock()
	defer c.log.mu.RUnlock()
	return c.here().Write(e, fields)
}

// Sync implements zapcore.Core.
func (c *core) Sync() error {
	c.log.mu.RLock()
	defer c.log.mu.RUnlock()
	return c.here().Sync()
}

// here is the core of the place; the log's mu is held.
func (c *core) here() zapcore.Core {
	p := c.log.now.Load()
	if d := c.with.Load(); d != nil && d.of == p {
		return d.Core
	}
	d := &derived{p, p.core.With(c.fields)}
	c.with.Store(d)
	return d.Core
}
