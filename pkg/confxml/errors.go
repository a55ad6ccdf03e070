package confxml

import (
	"errors"
	"fmt"
	"strings"
)

// The exit statuses of 2.5.4.
const (
	exitOther = 1   // a value that nothing can replace
	exitParse = 255 // not readable as XML with the root element head
)

// ParseError is a file that cannot be read as a configuration: missing, not
// XML, another root element, end tags that do not match. 2.5.4 ended with exit
// status 255.
type ParseError struct {
	File string
	// Text is the wording of 2.5.4, such as "Error: Unmatched end tag".
	Text string
	// Line and Column are where the reader noticed, counted from 1, in
	// characters; 0 when the file as a whole is meant.
	Line, Column int
	// Remedy says what to do, in one line.
	Remedy string
	// Err is the system's error, nil if there is none.
	Err error
}

// Error is cause and remedy on one line.
func (e *ParseError) Error() string {
	place := quoteName(e.File)
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", place, e.Line, e.Column)
	}
	return fmt.Sprintf("%s: %s: %s", place, e.cause(), e.Remedy)
}

// Problem is the error as one of a list.
func (e *ParseError) Problem() Problem {
	return Problem{File: e.File, Line: e.Line, Message: e.cause(), Remedy: e.Remedy, Severity: Refusal}
}

// cause is 2.5.4's wording as a part of a sentence.
func (e *ParseError) cause() string {
	text := strings.TrimPrefix(strings.TrimPrefix(e.Text, "Error: "), "Warning: ")
	text = strings.ToLower(text[:1]) + strings.TrimSuffix(text[1:], ".")
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the system's error.
func (e *ParseError) Unwrap() error { return e.Err }

// Report is what 2.5.4 printed on standard output, every line ended.
func (e *ParseError) Report() string {
	s := fmt.Sprintf("XML Parsing error inside file '%s'.\n%s\nAt line %d, column %d.\n", e.File, e.Text, e.Line, e.Column)
	if e.Text == faultNoHead {
		s += "First Tag should be '" + rootName + "'.\n"
	}
	return s
}

// ValidationError is a readable file that lacks what nothing can replace.
type ValidationError struct {
	Problems []Problem // all that are fatal, in file order; never empty
}

// Error has one line per problem.
func (e *ValidationError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// String is the problem on one line: file, line, element, cause and remedy.
func (p Problem) String() string { return p.In(func(s string) string { return s }) }

// In is String in the language that say translates sentences into.
func (p Problem) In(say func(string) string) string {
	s := quoteName(p.File)
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	if p.Element != "" {
		s += ": " + p.Element
	}
	s += ": " + say(p.Message)
	if p.Remedy != "" {
		s += "; " + say(p.Remedy)
	}
	return s
}

// ExitCode is the exit status that belongs to an error of this package: 0 for
// nil, 255 for a *ParseError, 1 for all others.
func ExitCode(err error) int {
	var parse *ParseError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &parse):
		return exitParse
	}
	return exitOther
}

// quoteName keeps a message on one line: a name with control characters or a
// leading or trailing blank is quoted, all others stay as they are.
func quoteName(s string) string {
	hostile := s != strings.TrimSpace(s) || s == ""
	for i := 0; i < len(s) && !hostile; i++ {
		hostile = s[i] < ' ' || s[i] == 0x7f
	}
	if hostile {
		return fmt.Sprintf("%q", s)
	}
	return s
}
