package logging

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
)

// The formats of <log format>.
const (
	FormatConsole = "console"
	FormatJSON    = "json"
	FormatLogfmt  = "logfmt"
	FormatJournal = "journal"
)

// ErrFormat and ErrLevel mark a configuration that names none of the formats
// or levels.
var (
	ErrFormat = errors.New("is not console, json, logfmt or journal")
	ErrLevel  = errors.New("is not debug, info, warn or error")
)

const (
	defaultMaxSizeMB  = 100
	defaultMaxBackups = 5
)

// place is where entries go, and in which form.
type place struct {
	conf     confxml.Log // changed by Apply only
	core     zapcore.Core
	level    zap.AtomicLevel
	file     *logFile // nil: standard error or the journal
	standard bool     // the entries go to standard error
	// trouble is why the file or the journal of conf cannot be used; the entries
	// go to standard error instead.
	trouble error
}

// open makes the place that conf names. The error is ErrFormat or ErrLevel.
func open(conf confxml.Log, debug bool, standard *os.File) (*place, error) {
	level, err := levelOf(conf.Level, debug)
	if err != nil {
		return nil, err
	}
	p := &place{conf: conf, level: zap.NewAtomicLevelAt(level)}
	format := conf.Format
	if format == "" {
		format = FormatConsole
	}
	var out io.Writer = standard
	tty := isTerminal(standard)
	switch {
	case format == FormatJournal:
		if p.core, p.trouble = newJournal(p.level); p.trouble == nil {
			return p, nil
		}
		format = FormatConsole
	case conf.File != "":
		if p.file, p.trouble = openFile(conf, standard); p.trouble == nil {
			out, tty = p.file, false
		}
	}
	enc, err := encoder(format, tty && os.Getenv("NO_COLOR") == "")
	if err != nil {
		return nil, err
	}
	p.standard = p.file == nil
	p.core = zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(out)), p.level)
	return p, nil
}

// close closes the file; a later entry would open it again.
func (p *place) close() error {
	if p.file == nil {
		return nil
	}
	if err := p.file.close(); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

func levelOf(name string, debug bool) (zapcore.Level, error) {
	levels := map[string]zapcore.Level{
		"": zapcore.InfoLevel, "debug": zapcore.DebugLevel, "info": zapcore.InfoLevel,
		"warn": zapcore.WarnLevel, "error": zapcore.ErrorLevel,
	}
	l, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("log level %q: %w", name, ErrLevel)
	}
	if debug {
		l = zapcore.DebugLevel
	}
	return l, nil
}

func encoder(format string, color bool) (zapcore.Encoder, error) {
	switch format {
	case FormatConsole:
		return newTextEncoder(false, color), nil
	case FormatLogfmt:
		return newTextEncoder(true, false), nil
	case FormatJSON:
		return newJSONEncoder(), nil
	default:
		return nil, fmt.Errorf("log format %q: %w", format, ErrFormat)
	}
}

func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
