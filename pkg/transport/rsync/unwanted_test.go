package rsync

import (
	"slices"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/transport"
)

func TestUnwantedNamesAreTakenOut(t *testing.T) {
	var u unwanted
	for line, taken := range map[string]bool{
		"ERROR: daemon refused to receive file \"a\\#012b\" c\"\n":                true,
		"rsync: [receiver] mkstemp \"f\" (in m) failed: Permission denied (13)\n": false,
		"[generator] ERROR: daemon refused to receive directory \"d/e\"\n":        true,
		"ERROR: daemon refused to receive file \"end\"":                           true,
		"see ERROR: daemon refused to receive file \"x\"\n":                       false,
		"": false,
	} {
		if got := u.take([]byte(line)); got != taken {
			t.Errorf("%q: taken is %v", line, got)
		}
	}
	slices.Sort(u.names)
	if want := []string{"a\nb\" c", "d/e", "end"}; !slices.Equal(u.names, want) {
		t.Errorf("%q", u.names)
	}
}

func TestManyUnwantedNamesAreCounted(t *testing.T) {
	var u unwanted
	for range maxUnwanted + 5 {
		u.take([]byte("ERROR: daemon refused to receive file \"f\"\r\n"))
	}
	if len(u.names) != maxUnwanted || u.more != 5 {
		t.Errorf("%d names, %d more", len(u.names), u.more)
	}
}

// A file that a daemon excludes does not make a run fail.
func TestWhatADaemonExcludesIsDone(t *testing.T) {
	src := source(t)
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: t.TempDir(), Options: []string{"exclude = *sp* *new*"}}}})
	r := Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}
	for kind, c := range map[transport.Kind]struct{ list, unwanted []string }{
		transport.Send:   {[]string{"new\nline", "plain", "sp ace/in side"}, []string{"new\nline", "sp ace"}},
		transport.Tree:   {[]string{"sp ace"}, []string{"sp ace"}},
		transport.Full:   {nil, []string{"new\nline", "sp ace"}},
		transport.Survey: {nil, []string{"new\nline", "sp ace"}},
		transport.Delete: {[]string{"new and gone"}, []string{"new and gone"}},
	} {
		r.Kind = kind
		got := run(t, src, r, c.list)
		slices.Sort(got.Unwanted)
		if got.result.Class != transport.Done || got.result.Reason != "" || !slices.Equal(got.Unwanted, c.unwanted) {
			t.Errorf("%v: %v %q, unwanted %q, want %q", kind, got.result.Class, got.result.Reason, got.Unwanted, c.unwanted)
		}
	}
}
