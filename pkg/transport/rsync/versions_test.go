package rsync

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

func TestDaysOfVersions(t *testing.T) {
	list := "drwxr-xr-x          4,096 2026/11/27 13:38:28 .\n" +
		"drwxr-xr-x          4,096 2026/11/27 13:38:27 sersync-2026-11-25\n" +
		"drwxr-xr-x            409 2026/11/27 13:38:27 sersync-2026-11-26\n" +
		"-rw-r--r--          4,096 2026/11/27 13:38:27 sersync-2026-11-01\n" +
		"drwxr-xr-x          4,096 2026/11/27 13:38:27 2026-11-02\n" +
		"drwxr-xr-x          4,096 2026/11/27 13:38:27 sersync-2026-13-45\n" +
		"drwxr-xr-x          4,096 2026/11/27 13:38:27 sersync-2026-11-03 of mine\n" +
		"lrwxrwxrwx             11 2026/11/27 13:38:27 sersync-2026-11-04 -> /etc"
	var days []string
	for line := range strings.SplitSeq(list, "\n") {
		if day, ok := ParseDay([]byte(line)); ok {
			days = append(days, day)
		}
	}
	if want := []string{"sersync-2026-11-25", "sersync-2026-11-26"}; !slices.Equal(days, want) {
		t.Errorf("%q, want %q", days, want)
	}
}

func TestOldVersions(t *testing.T) {
	days := []string{"sersync-2026-11-27", "sersync-2026-11-20", "sersync-2026-11-26", "sersync-2026-11-25"}
	now := time.Date(2026, 11, 27, 1, 2, 3, 0, time.UTC)
	for name, tt := range map[string]struct {
		keep int
		now  time.Time
		want []string
	}{
		"enough room":            {4, now, nil},
		"the oldest goes":        {3, now, []string{"sersync-2026-11-20"}},
		"today stays":            {1, now, []string{"sersync-2026-11-20", "sersync-2026-11-25", "sersync-2026-11-26"}},
		"a clock that went back": {1, now.AddDate(-50, 0, 0), nil},
		"a clock far ahead":      {3, now.AddDate(50, 0, 0), []string{"sersync-2026-11-20"}},
	} {
		if got := (Versions{Keep: tt.keep}).Old(days, tt.now); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Only runs that write keep old versions, and each run uses a directory of its own.
func TestWhichRunsKeepVersions(t *testing.T) {
	target := Target{Host: "h", Name: "m", Versions: Versions{Dir: ".old"}.At(time.Date(2026, 11, 27, 13, 40, 5, 123456000, time.UTC))}
	const option = "--backup-dir=.old/sersync-2026-11-27/13-40-05.123456"
	for k := transport.Send; k <= transport.Stamps; k++ {
		want := k == transport.Send || k == transport.Tree || k == transport.Delete || k == transport.Full
		if got := slices.Contains(Run{Batch: transport.Batch{Kind: k}, Target: target}.Args(), option); got != want {
			t.Errorf("%v: %v", k, got)
		}
	}
	if slices.Contains(Run{Batch: transport.Batch{Kind: transport.Full, Verify: true}, Target: target}.Args(), option) {
		t.Error("a comparison writes")
	}
	for release, silent := range map[string]bool{
		"": true, "rsync 3.0": true, "rsync 3.1.2": true, "rsync 3.1.0 to 3.2.6": true,
		"rsync 3.1.3": false, "rsync 3.2.3": false, "rsync 3.2.7 or 3.3": false, "rsync 3.4 or newer, or with its security patches": false, "rsync 3.5.0": false,
	} {
		if got := (Run{Batch: transport.Batch{Kind: transport.Send}, Target: target}).Silent(release); got != silent {
			t.Errorf("%q: silent %v", release, got)
		}
	}
}
