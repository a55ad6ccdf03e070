package logging

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// textEncoder writes one line per entry: for people (console) or as logfmt.
// The encoders of zap write JSON, in which C1 controls and bidirectional
// overrides of a file name pass through to the terminal, and bytes that are
// not UTF-8 are lost.
type textEncoder struct {
	*zapcore.MapObjectEncoder // fields of With
	logfmt                    bool
	color                     bool
	pool                      buffer.Pool
}

func newTextEncoder(logfmt, color bool) *textEncoder {
	return &textEncoder{zapcore.NewMapObjectEncoder(), logfmt, color, buffer.NewPool()}
}

// Clone implements zapcore.Encoder.
func (e *textEncoder) Clone() zapcore.Encoder {
	c := newTextEncoder(e.logfmt, e.color)
	maps.Copy(c.Fields, e.Fields)
	return c
}

const (
	consoleTime = "2006-01-02 15:04:05.000"
	machineTime = "2006-01-02T15:04:05.000Z07:00"
)

// EncodeEntry implements zapcore.Encoder.
func (e *textEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	b := e.pool.Get()
	if e.logfmt {
		pair(b, "ts", entry.Time.Format(machineTime))
		pair(b, "level", entry.Level.String())
		if entry.LoggerName != "" {
			pair(b, "logger", entry.LoggerName)
		}
		pair(b, "msg", entry.Message)
	} else {
		e.consoleHead(b, entry)
	}
	e.writeFields(b, fields)
	b.AppendByte('\n')
	return b, nil
}

// writeFields writes the fields of With, sorted, and then fields.
func (e *textEncoder) writeFields(b *buffer.Buffer, fields []zapcore.Field) {
	for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
		pair(b, k, textOf(e.Fields[k]))
	}
	for _, f := range fields {
		writeField(b, f)
	}
}

func (e *textEncoder) consoleHead(b *buffer.Buffer, entry zapcore.Entry) {
	b.AppendString(entry.Time.Format(consoleTime))
	b.AppendByte(' ')
	level := fmt.Sprintf("%-5s", entry.Level.CapitalString())
	if e.color {
		level = "\x1b[" + levelColor(entry.Level) + "m" + level + "\x1b[0m"
	}
	b.AppendString(level)
	b.AppendByte(' ')
	if entry.LoggerName != "" {
		b.AppendString(quoted(entry.LoggerName))
		b.AppendString(": ")
	}
	b.AppendString(printableMessage(entry.Message))
}

func levelColor(l zapcore.Level) string {
	switch {
	case l >= zapcore.ErrorLevel:
		return "31"
	case l >= zapcore.WarnLevel:
		return "33"
	case l >= zapcore.InfoLevel:
		return "32"
	default:
		return "2"
	}
}

// writeField writes f through a map of its own: a field may add several keys.
func writeField(b *buffer.Buffer, f zapcore.Field) {
	m := zapcore.NewMapObjectEncoder()
	f.AddTo(m)
	for _, k := range slices.Sorted(maps.Keys(m.Fields)) {
		pair(b, k, textOf(m.Fields[k]))
	}
}

func pair(b *buffer.Buffer, key, value string) {
	if b.Len() > 0 {
		b.AppendByte(' ')
	}
	b.AppendString(key)
	b.AppendByte('=')
	b.AppendString(quoted(value))
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.Format(machineTime)
	case time.Duration:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = quoted(textOf(p))
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// quoted is s itself when it is plain, else a Go string literal.
func quoted(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

func odd(r rune) bool {
	return r == ' ' || r == '"' || r == '=' || r == '\\' || !unicode.IsPrint(r)
}

// printableMessage guards against a message that is not constant after all.
func printableMessage(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
