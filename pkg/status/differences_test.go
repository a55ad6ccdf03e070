package status

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDifferences(t *testing.T) {
	first := time.Unix(1700000000, 0)
	later := first.Add(time.Hour)
	var d Differences
	if d.Any() || d.List() != nil {
		t.Error("a new one knows of something")
	}
	d.Set(Newer, 1, []string{"a"}, first)
	d.Set(Extras, 2, nil, first)
	d.Set(Newer, 3, []string{"a", "b"}, later)
	want := []Difference{
		{Kind: Extras, Count: 2, Since: first, Remedy: Extras.Remedy()},
		{Kind: Newer, Count: 3, Since: first, Remedy: Newer.Remedy(), Names: []string{"a", "b"}},
	}
	if got := d.List(); !reflect.DeepEqual(got, want) || !d.Any() {
		t.Errorf("%+v", got)
	}
	d.Set(Newer, 0, nil, later)
	d.Set(Newer, 1, nil, later)
	if got := d.List()[1]; !got.Since.Equal(later) {
		t.Errorf("differs since %v although it did not before %v", got.Since, later)
	}
	var other Differences
	other.Set(Differing, 9, nil, first)
	other.Restore(want)
	if got := other.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("restored as %+v", got)
	}
}

func TestDifferencesListAFewNames(t *testing.T) {
	var names []string
	for i := range 3 * ComparisonNames {
		names = append(names, fmt.Sprint(i))
	}
	var d Differences
	d.Set(Differing, len(names), names, time.Now())
	if got := d.List()[0]; got.Count != len(names) || len(got.Names) != ComparisonNames {
		t.Errorf("%d, %d names", got.Count, len(got.Names))
	}
	if got := d.Whole()[0]; len(got.Names) != len(names) {
		t.Errorf("%d names as a whole", len(got.Names))
	}
}

func TestRenderTellsOfKnownDifferences(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	s := Snapshot{Now: now, Ready: true, Roots: []Root{{Path: "/d", State: RootWatched}}, Lanes: []Lane{{
		ID: "x", Root: "/d", State: LaneDegraded, Differences: []Difference{
			{Kind: Newer, Count: 2, Since: now.Add(-time.Minute), Remedy: Newer.Remedy(), Names: []string{"a\nb"}},
		},
	}}}
	for lang, want := range map[Lang][]string{
		English: {"2 files are newer on the remote, 1 min ago", `a\nb`, "remedy: touch the files here"},
		Chinese: {"2 个文件在远端更新", "处理: 在本机 touch"},
	} {
		got := render(t, s, RenderOptions{Lang: lang})
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, got)
			}
		}
	}
}
