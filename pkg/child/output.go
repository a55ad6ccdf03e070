package child

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// endOfLine is a bufio.SplitFunc for lines that end in a newline or, as those of progress, in a
// carriage return. A line longer than maxLine comes in pieces.
func endOfLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	switch i := bytes.IndexAny(data, "\r\n"); {
	case i >= 0:
		return i + 1, data[:i], nil
	case len(data) >= maxLine, atEOF && len(data) > 0:
		return len(data), data, nil
	}
	return 0, nil, nil
}

// maxLine is more than a path of 4,096 bytes, each escaped.
const maxLine = 32 << 10

// readComplaints reads a child's standard error. Lines for which take returns false are written to
// rest; with a nil take all are.
func readComplaints(from io.Reader, rest io.Writer, take func(line []byte) bool) {
	r := bufio.NewReaderSize(from, 16<<10)
	for {
		line, err := r.ReadSlice('\n')
		if take == nil || !take(line) {
			_, _ = rest.Write(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// tail keeps the beginning of what a child complains about, and whether there was
// more.
type tail struct {
	buf []byte
	cut bool
}

// maxStderr bounds what a child may make this program remember: some thousand
// complaints.
const maxStderr = 1 << 20

func (t *tail) Write(b []byte) (int, error) {
	if room := maxStderr - len(t.buf); room < len(b) {
		t.cut = true
		t.buf = append(t.buf, b[:max(room, 0)]...)
		return len(b), nil
	}
	t.buf = append(t.buf, b...)
	return len(b), nil
}

func (t *tail) String() string { return string(t.buf) }
