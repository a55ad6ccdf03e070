package golden

import (
	"slices"
	"strings"
)

// untrue are the beginnings of start-up lines of 2.5.4 that would not be true for this program, or
// that are texts of its libraries.
var untrue = []string{
	"execute：echo ",                        // this program raises limits only if they are too low
	"execute command:", "crontab command:", // the commands that 2.5.4 ran for its own purposes
	"error content:", "error information is:", "Error: ", "Warning: ", "At line ", "First Tag ",
	"inotify wd:", "add watch:", "cd ", "R", "plugin-stdout", // debug output, and the output of children
}

// checkStdout compares the recorded start-up lines that are still true with ours: we print the same
// lines in the same order, possibly with other lines between them.
func (s *scene) checkStdout() {
	if s.w.noOutput {
		return
	}
	lines := strings.Split(s.fill.Replace(string(s.r.Stdout)), "\n")
	rest := strings.Split(s.app.Stdout(), "\n")
	for _, line := range lines {
		line = strings.TrimRight(line, " \t")
		if line == "" || strings.HasPrefix(line, s.path("plugcmd")) || slices.ContainsFunc(untrue, func(p string) bool { return strings.HasPrefix(line, p) }) {
			continue
		}
		at := slices.IndexFunc(rest, func(l string) bool { return strings.TrimRight(l, " \t") == line })
		if at < 0 {
			s.t.Errorf("start-up line missing, or out of order: %q\nour output:\n%s", line, s.app.Stdout())
			return
		}
		rest = rest[at+1:]
		if strings.HasPrefix(line, "watch path is:") || s.lastLine(line) {
			return
		}
	}
}

// lastLine says at which line the comparison ends for a run that ends by itself: this program may
// find a mistake earlier or later than 2.5.4 did.
func (s *scene) lastLine(line string) bool {
	return s.expectedExit() != running && line == "parse xml config file"
}
