package status

import (
	"bytes"
	"strings"
	"testing"
)

func TestConfigProblemsAreTold(t *testing.T) {
	s := sample("/data")
	s.Lanes[0].State, s.Lanes[0].Pending, s.Lanes[0].Differences = LaneInSync, 0, nil
	s.Plugins = nil
	s.ConfigProblems = []ConfigProblem{{Line: 7, Element: "filter/exclude@expression", Message: `"se(cret" is not a regular expression`, Remedy: "correct or remove it"}}
	level, text := Overall(s)
	if level != Failing || !strings.Contains(text, "errors in the configuration: 1, the first in line 7 (filter/exclude@expression)") || strings.Contains(text, "cret") {
		t.Errorf("%v, %s", level, text)
	}
	if !AtRest(s) {
		t.Error("nothing is on its way")
	}
	var b bytes.Buffer
	if err := Render(&b, s, RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"errors in the configuration", "line 7 filter/exclude@expression", `"se(cret" is not a regular expression`, "remedy: correct or remove it"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if p := s.Redacted().ConfigProblems[0]; p.Message != "" || p.Line != 7 || s.ConfigProblems[0].Message == "" {
		t.Errorf("redacted: %+v", p)
	}
	s.ConfigProblems = append(s.ConfigProblems, s.ConfigProblems[0])
	if _, text := Overall(s); !strings.Contains(text, "configuration: 2, the first in line 7") {
		t.Error(text)
	}
}
