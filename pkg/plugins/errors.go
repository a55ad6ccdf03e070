package plugins

import (
	"errors"
	"fmt"
	"time"
)

// permanentError marks an event that no repetition will deliver.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks err as final for the event it is about: the Runner drops
// the event, counts and logs it. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// IsPermanent reports whether err or an error it wraps is marked permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// retryAfterError carries the pause that a receiver has asked for.
type retryAfterError struct {
	err   error
	delay time.Duration
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// RetryAfter adds to err the least delay before the next attempt, as a
// receiver asks for with 429 or 503. The Runner honours up to five minutes.
func RetryAfter(err error, delay time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err: err, delay: delay}
}

// RetryDelay is the delay that err asks for, at most five minutes; 0 for none.
func RetryDelay(err error) time.Duration {
	var r *retryAfterError
	if !errors.As(err, &r) {
		return 0
	}
	return min(max(r.delay, 0), maxRetryAfter)
}

// ConfigError is one mistake in a plugin's element.
type ConfigError struct {
	File    string
	Line    int
	Plugin  string
	Element string // "deshost@port"; empty: the element as a whole
	Message string // cause and remedy
	// Console holds the lines that 2.5.4 prints on standard output when it
	// finds this mistake, for programs that look for them; may be empty.
	Console []string
}

func (e *ConfigError) Error() string {
	where := "plugin " + e.Plugin
	if e.Element != "" {
		where += ": " + e.Element
	}
	if e.Line <= 0 {
		return fmt.Sprintf("%s: %s: %s", e.File, where, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, where, e.Message)
}

// ConsoleLines returns the lines that 2.5.4 prints for the mistakes in err,
// each once, in order.
func ConsoleLines(err error) []string {
	var lines []string
	seen := make(map[string]bool)
	var walk func(error)
	walk = func(err error) {
		var c *ConfigError
		switch e := err.(type) { //nolint:errorlint // walks the tree itself
		case *ConfigError:
			c = e
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
		if c == nil {
			return
		}
		for _, l := range c.Console {
			if !seen[l] {
				seen[l] = true
				lines = append(lines, l)
			}
		}
	}
	walk(err)
	return lines
}
