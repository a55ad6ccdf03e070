package child

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// A line of progress ends with a carriage return. rsync prints several of them before it prints a
// newline.
func TestEndOfLine(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine/2)
	in := "a\n\r one\r two\n" + long + "\nlast"
	for name, r := range map[string]*bufio.Scanner{
		"at once":      bufio.NewScanner(strings.NewReader(in)),
		"byte by byte": bufio.NewScanner(iotest.OneByteReader(strings.NewReader(in))),
	} {
		r.Buffer(make([]byte, 2*maxLine), 2*maxLine)
		r.Split(endOfLine)
		var got [][]byte
		for r.Scan() {
			if len(r.Bytes()) > 0 {
				got = append(got, slices.Clone(r.Bytes()))
			}
		}
		if n := len(got); n < 5 || string(got[0]) != "a" || string(got[1]) != " one" || string(got[2]) != " two" ||
			string(got[n-1]) != "last" || string(bytes.Join(got[3:n-1], nil)) != long {
			t.Errorf("%s: %d lines", name, n)
		}
	}
}

// A complaint that the caller takes is not kept, a line longer than the reader's buffer stays in
// one piece, and the last line needs no newline.
func TestComplaintsThatAreTaken(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	var taken []string
	take := func(line []byte) bool {
		if !bytes.HasPrefix(line, []byte("take ")) {
			return false
		}
		taken = append(taken, string(line))
		return true
	}
	var rest strings.Builder
	readComplaints(strings.NewReader("take a\nkeep\n"+long+"\ntake end"), &rest, take)
	if !slices.Equal(taken, []string{"take a\n", "take end"}) || rest.String() != "keep\n"+long+"\n" {
		t.Errorf("%q are taken, %d bytes are left", taken, rest.Len())
	}
	rest.Reset()
	readComplaints(strings.NewReader("take a\n"), &rest, nil)
	if rest.String() != "take a\n" {
		t.Errorf("%q is left", rest.String())
	}
}
