package daemon

import (
	"fmt"
	"io"
	"sync"
)

// lines writes whole lines to standard output for several goroutines.
type lines struct {
	mu  sync.Mutex // guards out
	out io.Writer
}

// print writes one line.
func (l *lines) print(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, format, args...)
}

// debug returns the function that prints a line of 2.5.4's debug switch; nil when the switch is
// off.
func (l *lines) debug(on bool) func(format string, args ...any) {
	if !on {
		return nil
	}
	return func(format string, args ...any) {
		for i, a := range args {
			if name, ok := a.(string); ok {
				args[i] = printable(name)
			}
		}
		l.print(format, args...)
	}
}

// debugCommand is debug for the command lines of lanes.
func (l *lines) debugCommand(on bool) func(string) {
	if !on {
		return nil
	}
	return func(command string) { l.debug(true)("%s\n", command) }
}

// printable keeps a hostile name from writing lines or colours of its own.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}
