package rsync

import (
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

func TestParseProgress(t *testing.T) {
	for _, c := range []struct {
		line string
		want transport.Progress
		ok   bool
	}{
		{"     30,000,004  99%  232.35MB/s    0:00:00 (xfr#2, ir-chk=1049/1162)", transport.Progress{Checked: 113, Known: 1162, Whole: false}, true},
		{"              0   0%    0.00kB/s    0:00:00 (xfr#0, to-chk=50/3062) ", transport.Progress{Checked: 3012, Known: 3062, Whole: true}, true},
		{"         32,768   0%    0.00kB/s    0:00:00  ", transport.Progress{}, false},
		{">f+++++++++ 5 x (xfr#2, ir-chk=1/2)", transport.Progress{}, false},
		{" -chk=1/2)", transport.Progress{}, false},
		{" to-chk=3/2)", transport.Progress{}, false},
		{" to-chk=-1/2)", transport.Progress{}, false},
		{" to-chk=1)", transport.Progress{}, false},
		{"", transport.Progress{}, false},
	} {
		if got, ok := ParseProgress([]byte(c.line)); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %+v %v", c.line, got, ok)
		}
	}
}

func FuzzParseProgress(f *testing.F) {
	f.Add([]byte("  4  99%  2.35MB/s    0:00:00 (xfr#2, ir-chk=1049/1162)"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if p, ok := ParseProgress(line); ok && (p.Checked < 0 || p.Checked > p.Known) {
			t.Errorf("%q: %+v", line, p)
		}
	})
}
