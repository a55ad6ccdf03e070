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
		{Target{Host: "h", Name: "m"}, transport.Reuse{Of: "a b", At: "c d", Linked: true}, "-s --link-dest=/a b ./c d/ h::m/c d/"},
		{Target{Host: "h", Name: "m"}, transport.Reuse{Of: "a", At: "it's", Linked: true}, "--link-dest=/a ./it's/ h::m/it's/"},
		{Target{Host: "h", Name: "/srv/x", SSH: true}, transport.Reuse{Of: "$a", At: "b", Linked: true}, "-s --link-dest=../$a ./b/ h:/srv/x/b/"},
		{Target{Host: "h", Name: "/srv/x", SSH: true}, transport.Reuse{Of: "a", At: "it's", Linked: true}, "-s --link-dest=../a ./it's/ h:/srv/x/it's/"},
		{Target{Host: "h", Name: "/srv/x", SSH: true}, transport.Reuse{At: "c d", Similar: true}, "--fuzzy ./c d/ h:/srv/x/c d/"},
	} {
		c.target.Params = params(t, "-artuz")
		r := Run{Batch: transport.Batch{Kind: transport.Tree, Reuse: c.reuse}, Target: c.target}
		if got := strings.Join(r.Args(), " "); !strings.HasSuffix(got, " "+c.want) || strings.Contains(got, " -s ") != strings.HasPrefix(c.want, "-s ") {
			t.Errorf("%+v to %s: %s", c.reuse, c.target.Dest(), got)
		}
		r.Caps = r.Caps.Lacking(transport.Elsewhere)
		if got := strings.Join(r.Args(), " "); strings.Contains(got, "link-dest") || strings.Contains(got, "fuzzy") || strings.Contains(got, " -s ") {
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

func TestWhichDirectoriesCanBeNamed(t *testing.T) {
	daemon, ssh := Target{Host: "h", Name: "mod/sub"}, Target{Host: "h", Name: "/srv/x", SSH: true}
	type answer struct{ of, at bool } // as the old place, and as the new one
	all, old := answer{true, true}, answer{of: true}
	for path, want := range map[string]struct{ daemon, ssh answer }{
		"": {all, all}, "a/b-c_d.e,f+g=h@i%j": {all, all}, "\xe4\xb8\xad": {all, all}, "\xff": {all, all}, "a/-b": {all, all}, "a b": {all, all}, " ": {all, all},
		"a'b": {all, all}, `a\"b`: {all, all}, "$(a)": {all, all}, "`a`": {all, all}, "a;b&c|d": {all, all}, "<a>": {all, all}, "a:b": {all, all}, "~a": {all, all},
		`a\b`: {all, all}, "a]": {all, all}, "{a,b}": {all, all}, "!#^": {all, all},
		"a*": {old, old}, "a?": {old, old}, "a[1]": {old, old},
		"x mod/y": {old, all}, "x mod": {old, all}, "x mods": {all, all},
		"-a": {}, "-a/b": {}, "a\nb": {}, "a\tb": {}, "a\x7f": {},
	} {
		for _, c := range []struct {
			target Target
			want   answer
		}{{daemon, want.daemon}, {ssh, want.ssh}} {
			if got := (answer{c.target.Reuses(path, "to"), c.target.Reuses("from", path)}); got != c.want {
				t.Errorf("%q, to %s: %+v, want %+v", path, c.target.Dest(), got, c.want)
			}
		}
	}
}

// Names that need -s are not linked where the parameters speak against it, or where the remote shell
// is to change something in the command line.
func TestWhereNamesCannotGoApart(t *testing.T) {
	for _, c := range []struct {
		target Target
		params string
		blank  bool // at the old place
	}{
		{Target{Name: "m"}, "-a", true},
		{Target{Name: "m"}, "-as", true},
		{Target{Name: "m"}, "-a --old-args", true},
		{Target{Name: "m"}, "-a --temp-dir=~/t", true},
		{Target{Name: "m"}, "-a --no-protect-args", false},
		{Target{Name: "m"}, "-a --no-s", false},
		{Target{Name: "m"}, "-a --no-secluded-args", false},
		{Target{Name: "/srv/x", SSH: true}, "-a -e 'ssh -x' --rsync-path='sudo rsync' --temp-dir=/t", true},
		{Target{Name: "/srv/x", SSH: true}, "-a --no-s", false},
		{Target{Name: "/srv/x", SSH: true}, "-a '--temp-dir=~/t'", false},
		{Target{Name: "/srv/x", SSH: true}, "-a '-T$HOME/t'", false},
		{Target{Name: "~/x", SSH: true}, "-a", false},
		{Target{Name: `a\ b`, SSH: true}, "-a", false},
	} {
		c.target.Host, c.target.Params = "h", params(t, c.params)
		if got := c.target.Reuses("a b", "c"); got != c.blank {
			t.Errorf("%s to %s: %v, want %v", c.params, c.target.Dest(), got, c.blank)
		}
		if !c.target.Reuses("a", "c") {
			t.Errorf("%s to %s: plain names are not linked", c.params, c.target.Dest())
		}
	}
}
