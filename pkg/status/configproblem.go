package status

import "fmt"

// ConfigProblem is something in the configuration that is used otherwise than it
// says, or not at all, although the program runs: what --check calls an error.
type ConfigProblem struct {
	Line    int    `json:"line,omitempty"` // 0: the file as a whole
	Element string `json:"element"`
	// Message and Remedy quote the configuration, so that they may hold names;
	// Redacted clears them.
	Message string `json:"message,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// config shows the problems of the configuration.
func (t *table) config(problems []ConfigProblem) {
	if len(problems) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.paint(bold, t.word("errors in the configuration")))
	for _, p := range problems {
		t.line("  %s", t.paint(red, fmt.Sprintf(t.word("line %d"), p.Line)+" "+Printable(p.Element)))
		t.reason("    ", p.Message, "", p.Remedy)
	}
}
