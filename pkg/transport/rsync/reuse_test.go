package rsync

import (
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

// The last arguments of a run that links: where it looks for old files, where it begins, and its
// target.
func TestARunThatLinksBeginsInTheNewDirectory(t *testing.T) {
	tree := transport.Reuse{Of: "a/old", At: "b/new", Linked: true}
	for _, c := range []struct {
		target Target
		reuse  transport.Reuse
		want   string
	}{
		{Target{Host: "h", Name: "m"}, tree, "--link-dest=/a/old ./b/new/ h::m/b/new/"},
		{Target{Host: "h", Name: "m/"}, tree, "--link-dest=/a/old ./b/new/ h::m/b/new/"},
		{Target{Host: "h", Name: "m/sub/x"}, tree, "--link-dest=/sub/x/a/old ./b/new/ h::m/sub/x/b/new/"},
		{Target{Host: "h", Name: "/srv/x", SSH: true}, tree, "--link-dest=../../a/old ./b/new/ h:/srv/x/b/new/"},
		{Target{Host: "h", Name: "x", SSH: true}, tree, "--link-dest=../../a/old ./b/new/ h:x/b/new/"},
		{Target{Host: "h", Name: "m"}, transport.Reuse{Of: "a", Linked: true}, "--link-dest=/a ./ h::m"},
		{Target{Host: "h", Name: "m"}, transport.Reuse{At: "b", Linked: true}, "--link-dest=/ ./b/ h::m/b/"},
		{Target{Host: "h", Name: "/srv/x", SSH: true}, transport.Reuse{Of: "a", Linked: true}, "--link-dest=a ./ h:/srv/x/"},
		{Target{Host: "h", Name: "m"}, transport.Reuse{Similar: true}, "--fuzzy ./ h::m"},
	} {
		c.target.Params = params(t, "-artuz")
		r := Run{Batch: transport.Batch{Kind: transport.Tree, Reuse: c.reuse}, Target: c.target}
		if got := strings.Join(r.Args(), " "); !strings.HasSuffix(got, " "+c.want) {
			t.Errorf("%+v to %s: %s", c.reuse, c.target.Dest(), got)
		}
		r.Caps = r.Caps.Lacking(transport.Elsewhere)
		if got := strings.Join(r.Args(), " "); strings.Contains(got, "link-dest") || strings.Contains(got, "fuzzy") {
			t.Errorf("refused and given all the same: %s", got)
		}
	}
	r := Run{Batch: transport.Batch{Kind: transport.Tree, Reuse: tree}}
	if got := string(r.List([]string{"b/new", "b/new/#f"})); got != "./\x00./#f\x00" {
		t.Errorf("listed %q", got)
	}
}

func TestWhatStandsAgainstReuse(t *testing.T) {
	for text, why := range map[string]string{
		"-artuz": "", "-aH": "", "-a --partial-dir=.p": "", "-ac": "",
		"-a --inplace": "--inplace", "-rlz": "no --times", "-a --size-only": "--size-only", "-aI": "--ignore-times", "-aL": "--copy-links",
		"-a --exclude=x": "--exclude", "-a --backup": "--backup", "-a --link-dest=../x": "--link-dest", "-aK": "--keep-dirlinks", "-a --iconv=utf8,latin1": "--iconv",
	} {
		target := Target{Host: "h", Name: "m", Params: params(t, text)}
		if got := target.AgainstReuse(); got != why {
			t.Errorf("%s: %q, want %q", text, got, why)
		}
	}
	target := Target{Host: "h", Name: "m", Params: params(t, "-a"), Versions: Versions{Dir: ".old"}}
	if target.AgainstReuse() == "" {
		t.Error("nothing, where old versions are kept")
	}
}

func TestWhichPathsCanBeNamed(t *testing.T) {
	for path, want := range map[string][2]bool{ // to a daemon, and over ssh
		"a/b-c_d.e,f+g=h@i%j": {true, true}, "\xe4\xb8\xad": {true, true}, "a b": {true, false},
		"a*": {}, "a?": {}, "a[1]": {}, "a'b": {}, `a\"b`: {}, "$(a)": {}, "a\nb": {}, "a;b": {}, "a:b": {}, "~a": {}, "-a": {}, "-a/b": {}, "a/-b": {true, true}, `a\b`: {},
	} {
		if got := [2]bool{(Target{}).Nameable(path), (Target{SSH: true}).Nameable(path)}; got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}
