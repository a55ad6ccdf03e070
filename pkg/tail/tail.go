// Package tail prints the end of a log file and, if wanted, what is added to it,
// also after the file has been rotated.
package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// poll is how often a file is looked at for more.
const poll = 250 * time.Millisecond

// chunk is how much of the end of a file is read at a time to find its last
// lines.
const chunk = 64 << 10

// Options say what Print does.
type Options struct {
	Lines  int  // how many of the last lines
	Follow bool // go on with what is added, until the context ends
	// Clean makes a line harmless for a terminal; nil: lines are written as they
	// are.
	Clean func(string) string
}

// Print writes the end of the file at path. With Follow it returns nil when ctx
// ends; a file that is replaced under its name is followed, and one that is
// emptied is read from its beginning.
func Print(ctx context.Context, w io.Writer, path string, o Options) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	p := printer{w: w, clean: o.Clean}
	defer func() { _ = f.Close() }()
	if err := seekLast(f, o.Lines); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if _, err := io.Copy(&p, f); err != nil {
			return fmt.Errorf("print the log: %w", err)
		}
		if !o.Follow {
			return p.flush()
		}
		select {
		case <-ctx.Done():
			return p.flush()
		case <-tick.C:
		}
		if f, err = current(f, path); err != nil {
			return fmt.Errorf("follow the log: %w", err)
		}
	}
}

// seekLast goes to the beginning of the last n lines.
func seekLast(f *os.File, n int) error {
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for last := true; at > 0; last = false {
		part := buf[:min(int64(len(buf)), at)]
		at -= int64(len(part))
		if _, err := f.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if last {
			part = bytes.TrimSuffix(part, []byte("\n"))
		}
		for i := bytes.LastIndexByte(part, '\n'); i >= 0; i = bytes.LastIndexByte(part[:i], '\n') {
			if n--; n == 0 {
				_, err := f.Seek(at+int64(i)+1, io.SeekStart)
				return err
			}
		}
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// current is f, or the file that has its name now. While no file has the name, f stays the current
// one.
func current(f *os.File, path string) (*os.File, error) {
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	have, err := f.Stat()
	if err != nil {
		return f, err
	}
	if os.SameFile(named, have) {
		at, err := f.Seek(0, io.SeekCurrent)
		if err == nil && have.Size() < at {
			_, err = f.Seek(0, io.SeekStart)
		}
		return f, err
	}
	// What was added before the change of names is written first.
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at < have.Size() {
		return f, err
	}
	next, err := os.Open(path)
	if err != nil {
		return f, err
	}
	return next, f.Close()
}

// printer writes whole lines.
type printer struct {
	w     io.Writer
	clean func(string) string
	rest  []byte // the beginning of a line
}

// Write implements io.Writer.
func (p *printer) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	end := bytes.LastIndexByte(p.rest, '\n') + 1
	whole := p.rest[:end]
	for len(whole) > 0 {
		line, after, _ := bytes.Cut(whole, []byte("\n"))
		if err := p.line(line); err != nil {
			return 0, err
		}
		whole = after
	}
	p.rest = append(p.rest[:0], p.rest[end:]...)
	return len(b), nil
}

// flush writes a last line that has no end.
func (p *printer) flush() error {
	if len(p.rest) == 0 {
		return nil
	}
	return p.line(p.rest)
}

func (p *printer) line(b []byte) error {
	text := string(b)
	if p.clean != nil {
		text = p.clean(text)
	}
	_, err := fmt.Fprintln(p.w, text)
	return err
}
