package stream

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/change"
)

func TestAPathIsOnTheSubjectOfWhatIsAboveIt(t *testing.T) {
	for path, want := range map[string]string{
		"":            "sersync.tree.web.root",
		"a":           "sersync.tree.web.c",
		"a/b":         "sersync.tree.web.c",
		"a/\xff/.. x": "sersync.tree.web.c",
		"b":           "sersync.tree.web.5",
		"* .>":        "sersync.tree.web.f",
	} {
		if got := Subject("web", path); got != want {
			t.Errorf("%q is on %s, not %s: edges of other releases look there", path, got, want)
		}
	}
	used := map[string]bool{}
	for c := range 200 {
		used[Subject("web", string(rune('A'+c)))] = true
	}
	if len(used) != Shards {
		t.Errorf("200 directories are spread over %d subjects", len(used))
	}
}

func TestNamesAreOneTokenAndAFileName(t *testing.T) {
	for _, name := range []string{"a", "web-1_A", strings.Repeat("x", MaxName)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", ".", "a.b", "*", ">", "a b", "a/b", "ä", "a\n", strings.Repeat("x", MaxName+1)} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestReports(t *testing.T) {
	r := Report{
		Edge: "e1", Tree: "web", Epoch: EpochText(change.Epoch{1}), Sequence: 7, Generation: 9, Dirty: 2, Lag: 1.5, Failures: 1,
		Trouble: strings.Repeat("ü", maxText), Time: time.Unix(5, 0).UTC(),
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeReport("e1", "web", b)
	r.Trouble = strings.Repeat("ü", maxText/2)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%v, read %+v, want %+v", err, got, r)
	}
	for why, bad := range map[string]string{
		"another edge":   `{"edge":"e2","tree":"web"}`,
		"another tree":   `{"edge":"e1","tree":"other"}`,
		"no JSON":        `ssc`,
		"a bad epoch":    `{"edge":"e1","tree":"web","epoch":"12"}`,
		"negative dirty": `{"edge":"e1","tree":"web","dirty":-1}`,
		"too long":       `{"edge":"e1","tree":"web"` + strings.Repeat(" ", MaxReport) + `}`,
	} {
		if _, err := DecodeReport("e1", "web", []byte(bad)); err == nil {
			t.Errorf("%s is read", why)
		}
	}
	got, err = DecodeReport("e1", "web", []byte(`{"edge":"e1","tree":"web","trouble":"a\nb\u001b[31m"}`))
	if err != nil || got.Trouble != "a?b?[31m" {
		t.Errorf("%v: %q could pass for more than one line", err, got.Trouble)
	}
}

func TestMirrors(t *testing.T) {
	m := Mirror{Edge: "e1", Tree: "web", Epoch: EpochText(change.Epoch{1}), Generation: 9, Address: "rsync://h/m", Time: time.Unix(5, 0).UTC()}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeMirror("e1", "web", b); err != nil || got != m {
		t.Errorf("%v, read %+v", err, got)
	}
	if _, err := DecodeMirror("e2", "web", b); err == nil {
		t.Error("an announcement under the key of another edge is read")
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"edge":"e1","tree":"web","epoch":"","lag":1}`))
	f.Add([]byte(`{"edge":"e1","tree":"web","trouble":"\u0000\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReport("e1", "web", b)
		if err != nil {
			return
		}
		if r.Edge != "e1" || len(r.Trouble) > maxText || strings.ContainsAny(r.Trouble, "\n\x1b") {
			t.Errorf("%+v", r)
		}
	})
}
