package confxml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"unicode/utf8"
)

// maxFile is the size of the largest file that is read, in bytes. The largest
// known configuration has 30 KB.
const maxFile = 1 << 20

// Load reads and parses a configuration file of at most 1 MiB. Its error is a
// *ParseError. What a sync needs beyond that is checked by ValidateSync and
// CheckHost, as a plugin run alone (-m) needs neither localpath nor remote.
func Load(file string) (Config, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a fifo without a writer would block for ever
	if err != nil {
		return Config{}, openError(file, err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Config{}, openError(file, err)
	}
	return Parse(file, data)
}

// openError is a file that cannot be opened or read. Like 2.5.4 it knows two messages: a directory
// has no first tag, anything else is not found.
func openError(file string, err error) *ParseError {
	e := &ParseError{File: file, Text: faultNotFound, Err: err, Remedy: "name the file with -o FILE"}
	if !errors.Is(err, fs.ErrNotExist) {
		e.Text, e.Remedy = faultNotReadable, "make it readable for the user who runs sersync"
	}
	if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
		e.Text, e.Remedy = faultNoHead, "this is a directory: name the file in it with -o FILE"
	}
	return e
}

// Parse is Load for bytes that have been read already; file is only named in
// messages and in Config.File.
func Parse(file string, data []byte) (Config, error) {
	if len(data) > maxFile {
		return Config{}, &ParseError{File: file, Text: faultTooLarge, Remedy: fmt.Sprintf("a configuration has at most %d bytes: name the right file with -o FILE", maxFile)}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	wide := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
	if i := bytes.IndexByte(data, 0); i >= 0 {
		data = data[:i] // 2.5.4: a C string
	}
	if len(data) == 0 {
		return Config{}, &ParseError{File: file, Text: faultEmpty, Remedy: "the file is empty: start from examples/confxml.xml"}
	}
	p := newParser(data)
	f := p.run()
	head := p.head()
	switch {
	case wide:
		return Config{}, &ParseError{File: file, Text: faultNoHead, Remedy: "the file is UTF-16: save it as UTF-8"}
	case f.text != "" && f.text != faultUnclosed:
		return Config{}, syntaxError(file, data, f)
	case head == nil:
		return Config{}, &ParseError{File: file, Text: faultNoHead, Remedy: "everything must stand inside <head>...</head>, and before <?xml ...?> nothing at all"}
	case f.text != "":
		return Config{}, syntaxError(file, data, f)
	}
	r := newReader(file, p)
	c := r.config(head)
	r.unknown(head, rootName)
	slices.SortStableFunc(r.warnings, func(a, b Problem) int { return a.Line - b.Line })
	c.Warnings = r.warnings
	return c, nil
}

// remedy says what to do about a fault.
func remedy(text string) string {
	switch text {
	case faultUnclosed:
		return "an element is not closed before this place: add its end tag"
	case faultEndTag:
		return "end tags cross or one has no start tag: close the innermost element first"
	case faultTagName:
		return "a name must follow \"<\": write &lt; for the character itself"
	case faultEndTagName:
		return "write the end tag as </name>"
	case faultComment:
		return "a comment that begins before this place is not closed: add -->"
	case faultEntity:
		return "write &amp; for the character &, in notes between the elements too"
	case faultCharacter:
		return "write the character itself instead of a number above 255"
	case faultDepth:
		return fmt.Sprintf("no more than %d levels are read", maxDepth)
	}
	return "attributes are written name=\"value\", and a tag ends with > or />: look for a missing quote"
}

// syntaxError places a fault. Columns are counted in characters of UTF-8, as
// 2.5.4 did.
func syntaxError(file string, data []byte, f fault) *ParseError {
	at := min(f.at, len(data))
	line := bytes.Count(data[:at], []byte("\n")) + 1
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	return &ParseError{
		File:   file,
		Text:   f.text,
		Line:   line,
		Column: utf8.RuneCount(data[start:at]) + 1,
		Remedy: remedy(f.text),
	}
}
