package rsync

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
)

// hostile are names that would end a line, a quote, a list or a complaint if they were not quoted.
var hostile = []string{
	"plain", "#x", ";x", "-x", "--delete", "new\nline", "*", "a*", "?", "[ab]", `b\s`, `b\*`, "\\#012", " lead", "trail ", `q"uote`, "'", "$HOME", "`id`",
	"\xff\xfe", "\xc4\xe3", "tab\there", "(28)", `x" failed: Permission denied (13)`, `y" -> "z`, `n" (in m)`, "unknown option", "~", "sp ace/in side", "#d/#e", "deep/;f",
}

func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range hostile {
		must(t, os.MkdirAll(filepath.Dir(dir+"/"+n), 0o755))
		must(t, os.WriteFile(dir+"/"+n, []byte(n), 0o644))
	}
	return dir
}

func daemonTarget(t *testing.T, d *testkit.RsyncDaemon, module string) Target {
	t.Helper()
	return Target{Host: "127.0.0.1", Name: module, Port: d.Port(), Params: params(t, "-artuz")}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func TestHostileNamesArriveAndGo(t *testing.T) {
	testkit.Long(t)
	for _, caps := range []transport.Capabilities{{}, transport.Capabilities{}.Lacking(transport.MissingArgs)} {
		src, dst := source(t), t.TempDir()
		d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}, Motd: "hello\n<f+++ 3 no\n"})
		r := Run{Batch: transport.Batch{Kind: transport.Send, MayDelete: true, Caps: caps}, Target: daemonTarget(t, d, "m")}
		sent := run(t, src, r, hostile)
		if sent.result.Class != transport.Done {
			t.Fatalf("send: %+v", sent.result)
		}
		var changes []string
		for _, l := range sent.lines {
			if c, ok := ParseChange([]byte(l)); ok && !c.Dir {
				if !c.Sent || c.Size != int64(len(c.Path)) {
					t.Errorf("%q: %+v", l, c)
				}
				changes = append(changes, c.Path)
			}
		}
		for _, n := range hostile {
			if !exists(dst+"/"+n) || !slices.Contains(changes, n) {
				t.Errorf("%q has not arrived or was not told", n)
			}
		}
		r.Kind = transport.Times
		times := map[string]bool{}
		for _, l := range run(t, src, r, hostile).lines {
			if c, ok := ParseCopy([]byte(l)); ok && !c.Mtime.IsZero() {
				times[c.Path] = true
			}
		}
		for _, n := range hostile {
			if !times[n] {
				t.Errorf("no time for %q", n)
			}
		}
		deleteEach(t, src, dst, r)
	}
}

// deleteEach deletes the hostile names one after the other; each time the others must stay.
func deleteEach(t *testing.T, src, dst string, r Run) {
	t.Helper()
	r.Kind = transport.Delete
	for i, n := range hostile {
		must(t, os.Remove(src+"/"+n))
		must(t, os.RemoveAll(src+"/"+n))
		if got := run(t, src, r, []string{n}); got.result.Class != transport.Done {
			t.Errorf("delete %q: %+v", n, got.result)
		}
		if exists(dst + "/" + n) {
			t.Errorf("%q is still there (capabilities %v)", n, r.Caps)
		}
		for _, other := range hostile[i+1:] {
			if !exists(dst + "/" + other) {
				t.Fatalf("deleting %q removed %q (capabilities %v)", n, other, r.Caps)
			}
		}
	}
}

func TestExactDeletionKeepsTheRest(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, f := range []string{"d/a*", "d/ab", "d/sub/x", "d/sub/y", "e/x"} {
		must(t, os.MkdirAll(filepath.Dir(dst+"/"+f), 0o755))
		must(t, os.WriteFile(dst+"/"+f, nil, 0o644))
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	got := run(t, src, Run{Batch: transport.Batch{Kind: transport.Delete, Exact: true, MayDelete: true}, Target: daemonTarget(t, d, "m")}, []string{"d/a*", "d/sub/x"})
	if got.result.Class > transport.Partly || exists(dst+"/d/a*") || exists(dst+"/d/sub/x") || !exists(dst+"/d/ab") || !exists(dst+"/d/sub/y") || !exists(dst+"/e/x") {
		t.Errorf("%+v", got.result)
	}
}

func TestSurveysTellOnlyWhatTheTargetHas(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, f := range []string{"d/here", "d/sub/here", "top"} {
		must(t, os.MkdirAll(filepath.Dir(src+"/"+f), 0o755))
		must(t, os.WriteFile(src+"/"+f, nil, 0o644))
	}
	for _, f := range []string{"d/only *", "d/sub/only", "d/sub/deep/only", "only", "gone/x/y", "gone2/z"} {
		must(t, os.MkdirAll(filepath.Dir(dst+"/"+f), 0o755))
		must(t, os.WriteFile(dst+"/"+f, nil, 0o644))
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	for kind, c := range map[transport.Kind]struct{ list, want []string }{
		transport.Survey:      {nil, []string{"d/only *", "d/sub/deep", "d/sub/deep/only", "d/sub/only", "gone", "gone/x", "gone/x/y", "gone2", "gone2/z", "only"}},
		transport.SurveyTrees: {[]string{"d"}, []string{"d/only *", "d/sub/deep", "d/sub/deep/only", "d/sub/only"}},
		transport.SurveyFlat:  {[]string{"d"}, []string{"d/only *"}},
		transport.SurveyGone:  {[]string{"gone"}, []string{"gone", "gone/x", "gone/x/y"}},
	} {
		got := run(t, src, Run{Batch: transport.Batch{Kind: kind}, Target: daemonTarget(t, d, "m")}, c.list)
		var only []string
		for _, l := range got.lines {
			if ch, ok := ParseChange([]byte(l)); ok && ch.Deleted {
				only = append(only, ch.Path)
			}
		}
		slices.Sort(only)
		if !slices.Equal(only, c.want) || got.result.Class != transport.Done {
			t.Errorf("%v: %q, want %q (%+v)", kind, only, c.want, got.result)
		}
	}
	if !exists(dst+"/only") || exists(dst+"/top") {
		t.Error("a survey changed the target")
	}
}

// TestProvokedErrors has the real rsync and its daemon cause each error.
func TestProvokedErrors(t *testing.T) {
	path := t.TempDir()
	must(t, os.Chmod(filepath.Dir(path), 0o755))
	module := func(name string, options ...string) testkit.Module {
		return testkit.Module{Name: name, Path: path + "/" + name, Options: options}
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Secrets: map[string]string{"bob": "right"}, Modules: []testkit.Module{
		module("ok"), module("auth", "auth users = bob"), module("deny", "hosts deny = *"), module("full", "max connections = -1"),
		module("ro", "read only = yes"), module("wo", "write only = yes"), module("nobody", "uid = nobody", "gid = nogroup"),
		module("nodelete", "refuse options = delete"), module("noforce", "refuse options = force"), module("nomissing", "refuse options = delete-missing-args"),
		module("nochecksum", "refuse options = checksum"), module("nowindow", "refuse options = modify-window"), module("none", "refuse options = *"), module("gone"), module("nouid", "uid = nosuchuser"),
	}})
	must(t, os.Remove(path+"/gone"))
	must(t, os.Chmod(path+"/nobody", 0o755))
	must(t, os.Mkdir(path+"/nobody/dir", 0o755))
	must(t, os.WriteFile(path+"/nobody/dir/old", nil, 0o644))
	must(t, os.MkdirAll(path+"/nomissing/d", 0o755))
	must(t, os.WriteFile(path+"/nomissing/d/gone", nil, 0o644))
	src := t.TempDir()
	must(t, os.MkdirAll(src+"/sub/dir", 0o755))
	must(t, os.Mkdir(src+"/d", 0o755))
	must(t, os.WriteFile(src+"/f", []byte("1"), 0o644))
	must(t, os.WriteFile(src+"/sub/dir/g", []byte("1"), 0o644))
	wrong := filepath.Join(t.TempDir(), "pw")
	must(t, os.WriteFile(wrong, []byte("wrong\n"), 0o600))
	open := filepath.Join(t.TempDir(), "pw")
	must(t, os.WriteFile(open, []byte("right\n"), 0o644))
	must(t, os.Chmod(open, 0o644))
	for _, c := range []struct {
		module string
		kind   transport.Kind
		list   string
		change func(*Run)
		class  transport.Class
		miss   transport.Missing
		reason string
	}{
		{"ok", transport.Send, "f", nil, transport.Done, 0, ""},
		{"nosuch", transport.Send, "f", nil, transport.Trouble, 0, "no such module"},
		{"auth", transport.Send, "f", func(r *Run) { r.Target.User, r.Target.PasswordFile = "bob", wrong }, transport.Trouble, 0, "user or password"},
		{"auth", transport.Send, "f", func(r *Run) { r.Target.User, r.Target.PasswordFile = "bob", open }, transport.Trouble, 0, "read by others"},
		{"auth", transport.Send, "f", func(r *Run) { r.Target.User, r.Target.PasswordFile = "bob", "/none" }, transport.Trouble, 0, "password file"},
		{"deny", transport.Send, "f", nil, transport.Trouble, 0, "does not let this host in"},
		{"full", transport.Send, "f", nil, transport.Trouble, 0, "max connections"},
		{"ro", transport.Send, "f", nil, transport.Trouble, 0, "read only"},
		{"wo", transport.Send, "f", nil, transport.Done, 0, ""},
		{"wo", transport.Times, "f", nil, transport.Refused, transport.MissingList, ""},
		{"gone", transport.Send, "f", nil, transport.Trouble, 0, "does not exist"},
		{"nouid", transport.Send, "f", nil, transport.Trouble, 0, "unknown uid"},
		{"ok", transport.Send, "f", func(r *Run) { r.Target.Port = testkit.FreePort(t) }, transport.Trouble, 0, "refuses the connection"},
		{"ok", transport.Send, "f", func(r *Run) { r.Target.Host = "no-such-host.invalid" }, transport.Trouble, 0, "cannot be resolved"},
		{"nobody", transport.Send, "f", nil, transport.Partly, 0, ""},
		{"nobody", transport.Send, "sub/dir/g", nil, transport.Partly, 0, ""},
		{"nobody", transport.Delete, "dir/old", nil, transport.Partly, 0, ""},
		{"nodelete", transport.Delete, "d/gone", nil, transport.Refused, transport.MissingDelete, ""},
		{"nodelete", transport.Tree, "sub", nil, transport.Done, 0, ""},
		{"nodelete", transport.Tree, "sub", func(r *Run) { r.DeleteInside = true }, transport.Refused, transport.MissingDelete, ""},
		{"nodelete", transport.Survey, "", nil, transport.Refused, transport.MissingDelete, ""},
		{"nodelete", transport.Send, "f", nil, transport.Done, 0, ""},
		{"noforce", transport.Send, "f", nil, transport.Refused, transport.MissingDelete, ""},
		{"nomissing", transport.Delete, "d/gone", nil, transport.Refused, transport.MissingDeleteArgs, ""},
		{"nowindow", transport.Send, "f", func(r *Run) { r.LiftUpdate = true }, transport.Refused, transport.MissingNanoseconds, ""},
		{"nowindow", transport.Send, "f", nil, transport.Done, 0, ""},
		{"nochecksum", transport.Send, "f", func(r *Run) { r.Contents = true }, transport.Refused, transport.MissingChecksum, ""},
		{"nochecksum", transport.Send, "f", func(r *Run) { r.Contents, r.Caps.NoChecksum = true, true }, transport.Done, 0, ""},
		{"none", transport.Send, "f", nil, transport.Trouble, 0, ""},
	} {
		r := Run{Batch: transport.Batch{Kind: c.kind, MayDelete: true}, Target: daemonTarget(t, d, c.module)}
		if c.change != nil {
			c.change(&r)
		}
		got := run(t, src, r, []string{c.list})
		if got.result.Class != c.class || got.result.Missing != c.miss || !strings.Contains(got.result.Reason, c.reason) || got.result.Unclear && c.class == transport.Partly {
			t.Errorf("%s %v: %v, missing %d, reason %q, unclear %v, want %v %d %q\nexit %d: %s", c.module, c.kind,
				got.result.Class, got.result.Missing, got.result.Reason, got.result.Unclear, c.class, c.miss, c.reason, got.Exit, got.Stderr)
		}
		if c.class == transport.Partly && (len(got.result.Failed) == 0 || got.result.Failed[0].Errno != syscall.EACCES || !got.result.Failed[0].Remote) {
			t.Errorf("%s: failed %+v", c.module, got.result.Failed)
		}
	}
}

// Each hostile name that cannot be written is reported exactly.
func TestUnwritableHostileNamesAreTold(t *testing.T) {
	testkit.Long(t)
	base := t.TempDir()
	must(t, os.Chmod(filepath.Dir(base), 0o755))
	src := source(t)
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: base + "/m", Options: []string{"uid = nobody", "gid = nogroup"}}}})
	for _, n := range hostile {
		got := run(t, src, Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}, []string{n})
		if got.result.Class != transport.Partly || got.result.Unclear || len(got.result.Failed) == 0 {
			t.Errorf("%q: %+v", n, got.result)
			continue
		}
		top, _, deep := strings.Cut(n, "/")
		for _, f := range got.result.Failed {
			if f.Path != n && (!deep || f.Path != top) || f.Errno != syscall.EACCES {
				t.Errorf("%q: told as %+v", n, f)
			}
		}
	}
}

func TestSymlinksThatCannotBeMadeAreTold(t *testing.T) {
	base := t.TempDir()
	must(t, os.Chmod(filepath.Dir(base), 0o755))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: base + "/m", Options: []string{"uid = nobody", "gid = nogroup"}}}})
	src := t.TempDir()
	for _, n := range hostile {
		if strings.Contains(n, "/") {
			continue
		}
		must(t, os.Symlink("to", src+"/"+n))
		got := run(t, src, Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}, []string{n})
		for _, f := range got.result.Failed {
			if f.Path != n {
				t.Errorf("%q: told as %+v", n, f)
			}
		}
		if got.result.Class != transport.Partly || len(got.result.Failed) == 0 && !got.result.Unclear {
			t.Errorf("%q: %+v", n, got.result)
		}
	}
}

func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a small file system of its own")
	}
	src, dst := t.TempDir(), t.TempDir()
	must(t, syscall.Mount("tmpfs", dst, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { must(t, syscall.Unmount(dst, syscall.MNT_DETACH)) })
	must(t, os.WriteFile(src+"/(28) unknown option", make([]byte, 1<<20), 0o644))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	got := run(t, src, Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}, []string{"(28) unknown option"})
	if got.result.Class != transport.NoSpace || got.result.Remedy == "" {
		t.Errorf("%+v", got.result)
	}
}

func TestConflictsOfTypeAreTold(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(src+"/f", nil, 0o644))
	must(t, os.MkdirAll(src+"/d/e", 0o755))
	must(t, os.MkdirAll(dst+"/f/x", 0o755))
	must(t, os.WriteFile(dst+"/d", nil, 0o644))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	r := Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}
	got := run(t, src, r, []string{"f"})
	if got.result.Class != transport.Partly || got.result.Unclear || got.result.Failed[0].Path != "f" || got.result.Remedy == "" || !exists(dst+"/f/x") {
		t.Errorf("%+v", got.result)
	}
	r.MayDelete = true
	if got = run(t, src, r, []string{"f", "d/e"}); got.result.Class != transport.Done || exists(dst+"/f/x") || !exists(dst+"/d/e") {
		t.Errorf("%+v", got.result)
	}
}

func TestSourceThatCannotBeReadIsLocal(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, dir := range []string{filepath.Dir(src), filepath.Dir(dst)} {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, os.WriteFile(src+"/secret", nil, 0o600))
	must(t, os.WriteFile(src+"/open", nil, 0o644))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	r := Run{Batch: transport.Batch{Kind: transport.Send}, Target: daemonTarget(t, d, "m")}
	p, err := Start(t.Context(), launcher(t), child.Command{
		Program: "setpriv", Args: append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", "rsync"}, r.Args()...), Dir: src,
	})
	must(t, err)
	p.Feed(r.List([]string{"secret", "open", "missing"}))
	got := Classify(r, src, p.Wait(), nil)
	if got.Class != transport.Partly || len(got.Failed) != 1 || got.Failed[0].Path != "secret" || got.Failed[0].Remote || got.Remedy == "" {
		t.Errorf("%+v", got)
	}
	if len(got.Races) != 1 || got.Races[0].Path != "missing" || !got.Races[0].Race() {
		t.Errorf("races %+v", got.Races)
	}
	if !exists(dst + "/open") {
		t.Error("the rest was not sent")
	}
}

func TestSSHFailuresAreTold(t *testing.T) {
	s := testkit.Sshd(t)
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(src+"/f", []byte("1"), 0o644))
	ssh := filepath.Join(s.Bin, "ssh")
	for _, c := range []struct {
		shell, path string
		class       transport.Class
		reason      string
	}{
		{ssh, dst, transport.Done, ""},
		{ssh, dst + "/a/b/c", transport.Trouble, ""},
		{ssh + " -i /none -o IdentityFile=/none -o IdentitiesOnly=yes -o PreferredAuthentications=password", dst, transport.Trouble, "ssh key file does not exist"},
		{ssh + " -o UserKnownHostsFile=/dev/null", dst, transport.Trouble, "host key"},
		{"ssh -o BatchMode=yes -p " + fmt.Sprint(testkit.FreePort(t)), dst, transport.Trouble, "refuses the connection"},
	} {
		r := Run{Batch: transport.Batch{Kind: transport.Send}, Target: Target{Host: "127.0.0.1", Name: c.path, SSH: true, Params: params(t, "-artuz")}, RemoteShell: c.shell}
		got := run(t, src, r, []string{"f"})
		if got.result.Class != c.class || !strings.Contains(got.result.Reason, c.reason) {
			t.Errorf("%s: %v %q, want %v %q\nexit %d %s", c.shell, got.result.Class, got.result.Reason, c.class, c.reason, got.Exit, got.Stderr)
		}
	}
}
