package executor

import (
	"os"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

func scopeOf(t *testing.T, params string, expressions ...string) Scope {
	t.Helper()
	p, err := rsync.ParseParams(params, rsyncopts.Setting{}, os.Getenv)
	must(t, err)
	return ScopeOf(expressions, p.Rules.Lines(), p.Rules.Opaque, params)
}

func rules(lines []string) func(string, bool) bool { return rsync.RulesOf(lines).Excludes }

// What a mirror run was allowed to delete may be deleted under any later configuration; what it had
// to leave in place may not.
func TestAScopeSpares(t *testing.T) {
	list := t.TempDir() + "/list"
	must(t, os.WriteFile(list, []byte("*.bak\n"), 0o644))
	plain := scopeOf(t, "-artuz")
	logs := scopeOf(t, "-artuz", `(.*)\.log`)
	for _, c := range []struct {
		name        string
		before, now Scope
		may, mayNot string
	}{
		{"the same", logs, logs, "a", ""},
		{"an option that selects nothing", plain, scopeOf(t, "-artu"), "a", ""},
		{"an expression more", plain, logs, "a", ""},
		{"an expression less", logs, plain, "d/a", "d/a.log"},
		{"another expression", logs, scopeOf(t, "-artuz", `(.*)\.tmp`), "d/a", "d/a.log"},
		{"a pattern less", scopeOf(t, "-artuz --exclude=/keep/"), plain, "d/keep/a", "keep/a"},
		{"an exception less", scopeOf(t, "-a --include=x.log --exclude=*.log"), scopeOf(t, "-a"), "d/x.log", "d/y.log"},
		{"a file of patterns", scopeOf(t, "-a --exclude-from="+list), plain, "a", "a.bak"},
		{"crontabfilter", plain.with([]string{"*.iso", "/cache"}), plain, "d/cache", "d/a.iso"},
	} {
		spares, ok := c.before.spares(c.now, rules)
		if !ok {
			t.Errorf("%s: unknown", c.name)
			continue
		}
		may := permission{all: true, spares: spares}
		if !may.delete(plan.Candidate{Path: c.may}) {
			t.Errorf("%s: %q may not be deleted", c.name, c.may)
		}
		if c.mayNot != "" && may.delete(plan.Candidate{Path: c.mayNot}) {
			t.Errorf("%s: %q may be deleted", c.name, c.mayNot)
		}
	}
	if _, ok := scopeOf(t, "-aC").spares(scopeOf(t, "-a"), rules); ok {
		t.Error("a scope that only rsync can read counts as known")
	}
	if _, ok := scopeOf(t, "-aC").spares(scopeOf(t, "-aC"), rules); !ok {
		t.Error("the same opaque patterns are not the same")
	}
	if _, ok := Scope(nil).spares(plain, rules); ok {
		t.Error("an unknown scope is known")
	}
}

// A later mirror run that leaves more files out does not withdraw what an earlier one was allowed
// to delete.
func TestMirrorRunsOneAfterTheOther(t *testing.T) {
	plain, logs := scopeOf(t, "-a"), scopeOf(t, "-a", `(.*)\.log`)
	iso := plan.Candidate{Path: "a.iso"}
	may := func(m mirror) bool { return permission{all: m.done, spares: m.spares}.delete(iso) }
	m := mirror{}.completed(plain, []string{"*.iso"}, rules)
	if !m.done || may(m) {
		t.Error("files that crontabfilter leaves out may be deleted after crontab has run")
	}
	if m = m.completed(plain, nil, rules); !may(m) {
		t.Error("files that --resync has mirrored may not be deleted")
	}
	if m = m.completed(plain, []string{"*.iso"}, rules); !may(m) {
		t.Error("crontab takes back what --resync has done")
	}
	if m = m.completed(logs, []string{"*.iso"}, rules); may(m) {
		t.Error("a run under another filter counts for what it has left out")
	}
}

// The configuration was changed after the mirror run. What the mirror run had left alone stays and
// is counted, also inside of a directory that is gone here.
func TestWhatAMirrorRunLeftAloneStays(t *testing.T) {
	onBed(t, with{
		files: []string{"keep", "d/keep"},
		there: []string{"lost", "d/lost", "d/theirs.log", "gone/lost", "gone/sub/theirs.log", "gone2/lost"},
		options: func(o *Options) {
			o.Mirrored, o.MirrorScope, o.Scope = true, Scope{scopeFilter + `(.*)\.log`}, Scope{}
		},
	}, func(t *testing.T, b *bed) {
		b.fullSync(fullsync.Request{})
		for _, path := range []string{"lost", "d/lost", "gone/lost", "gone2"} {
			b.arrives(path, "<none>")
		}
		b.idle()
		if b.there("d/theirs.log") != "there" || b.there("gone/sub/theirs.log") != "there" {
			t.Error("files that the filter of the mirror run matched were deleted")
		}
		if r := b.Remember(time.Now()); !r.Mirrored || len(r.MirrorScope) != 1 {
			t.Errorf("remembered %+v", r)
		}
		b.fullSync(fullsync.Request{Mirror: true})
		b.arrives("d/theirs.log", "<none>")
		b.arrives("gone", "<none>")
		if r := b.Remember(time.Now()); !r.Mirrored || len(r.MirrorScope) != 0 {
			t.Errorf("remembered %+v after the next mirror run", r)
		}
	})
}

// While deletions are off, entries that are deleted here stay on the remote on purpose. So the
// mirror run is forgotten.
func TestWithoutDeleteAMirrorRunIsForgotten(t *testing.T) {
	onBed(t, with{options: func(o *Options) { o.Mirrored, o.MirrorScope, o.MayDelete = true, Scope{}, false }}, func(t *testing.T, b *bed) {
		if r := b.Remember(time.Now()); r.Mirrored {
			t.Error("deletions are allowed once delete is on again")
		}
	})
}
