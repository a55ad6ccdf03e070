package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
	"gopkg.in/natefinch/lumberjack.v2"
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

// New builds the logger. debug (2.5.4's <debug start="true">) lowers the level
// to debug whatever the configuration says. standard is where entries go
// without a file, normally os.Stderr; it is coloured when it is a terminal and
// NO_COLOR is not set.
//
// A file or journal that cannot be used is no error: the entries go to standard
// instead and the first one says so, because the sync must not depend on the
// log. Errors are ErrFormat and ErrLevel only.
//
// Call close after the last entry; it is never nil.
func New(cfg confxml.Log, debug bool, standard *os.File) (log *zap.Logger, closeLog func() error, err error) {
	nothing := func() error { return nil }
	level, err := levelOf(cfg.Level, debug)
	if err != nil {
		return zap.NewNop(), nothing, err
	}
	format := cfg.Format
	if format == "" {
		format = FormatConsole
	}
	var out io.Writer = standard
	closeLog, tty := nothing, isTerminal(standard)
	var trouble error
	switch {
	case format == FormatJournal:
		core, jerr := newJournal(level)
		if jerr == nil {
			return zap.New(core), nothing, nil
		}
		format, trouble = FormatConsole, jerr
	case cfg.File != "":
		f, ferr := openFile(cfg)
		if ferr == nil {
			out, closeLog, tty = f, f.Close, false
		}
		trouble = ferr
	}
	enc, err := encoder(format, tty && os.Getenv("NO_COLOR") == "")
	if err != nil {
		return zap.NewNop(), nothing, err
	}
	log = zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(out)), level))
	if trouble != nil {
		log.Warn("log goes to standard error", zap.Error(trouble), Remedy("name a file that this user can write in <log file>, or format=\"console\""))
	}
	return log, closeLog, nil
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

// openFile opens the file with rotation. lumberjack opens it at the first
// entry only, and then nobody learns that it failed, so it is tried here.
func openFile(cfg confxml.Log) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.File), 0o750); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	f, err := os.OpenFile(cfg.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open log: %s is not a regular file", cfg.File)
	}
	l := &lumberjack.Logger{Filename: cfg.File, MaxSize: cfg.MaxSizeMB, MaxBackups: cfg.MaxBackups, MaxAge: cfg.MaxAgeDays, LocalTime: true}
	if l.MaxSize <= 0 {
		l.MaxSize = defaultMaxSizeMB
	}
	if l.MaxBackups <= 0 {
		l.MaxBackups = defaultMaxBackups
	}
	return l, nil
}

func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
