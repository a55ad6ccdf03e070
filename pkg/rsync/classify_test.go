package rsync

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestClassifyTexts(t *testing.T) {
	const root = "/data"
	for name, c := range map[string]struct {
		kind          Kind
		exit          int
		text          string
		class         Class
		miss          Missing
		failed, races string
		unclear       bool
	}{
		"silence":        {Send, 0, "", Done, 0, "", "", false},
		"bare 23":        {Send, 23, "", Done, 0, "", "", false},
		"vanished":       {Send, 24, `file has vanished: "/data/x"` + "\n", Done, 0, "", "", false},
		"times":          {Send, 23, `rsync: [generator] failed to set times on "d/x" (in m): Operation not permitted (1)`, Done, 0, "", "", false},
		"owner":          {Send, 23, `rsync: [receiver] chown ".x.AbCdEf" (in m) failed: Operation not permitted (1)`, Done, 0, "", "", false},
		"xattr":          {Send, 23, `rsync: [receiver] rsync_xal_set: lsetxattr("x" (in m),"user.a") failed: Operation not supported (95)`, Done, 0, "", "", false},
		"read-only disk": {Send, 23, `rsync: [generator] failed to set times on "x" (in m): Read-only file system (30)`, Partly, 0, "x", "", false},
		"temporary":      {Send, 23, `rsync: [receiver] mkstemp "d/.x.DraZce" (in mod) failed: Permission denied (13)`, Partly, 0, "d/x", "", false},
		"renamed":        {Send, 23, `rsync: [receiver] rename "d/.x.DraZce" (in mod) -> "d/x": Permission denied (13)`, Partly, 0, "d/x", "", false},
		"mkdir": {Send, 23, `rsync: [generator] recv_generator: mkdir "d" (in m) failed: Permission denied (13)` +
			"\n*** Skipping any contents from this failed directory ***\n", Partly, 0, "d", "", false},
		"unlink": {Delete, 23, "rsync: [generator] delete_file: unlink(d/z) x) failed: Permission denied (13)\ncannot delete non-empty directory: d\n",
			Partly, 0, "d/z) x|d", "", false},
		"read race":         {Send, 23, `rsync: [sender] read errors mapping "/data/x": No data available (61)`, Again, 0, "", "x", false},
		"read error":        {Send, 23, `rsync: [sender] read errors mapping "/data/x": Input/output error (5)`, Again, 0, "", "x", false},
		"unproven":          {Send, 23, "ERROR: d/x failed verification -- update discarded.", Again, 0, "", "d/x", false},
		"unproven at first": {Send, 0, "WARNING: d/x failed verification -- update discarded (will try again).", Done, 0, "", "", false},
		"stat race":         {Send, 23, `rsync: [sender] link_stat "/data/x" failed: No such file or directory (2)`, Again, 0, "", "x", false},
		"old sender":        {Send, 23, `rsync: send_files failed to open "/data/x": Permission denied (13)`, Partly, 0, "x", "", false},
		"old receiver":      {Send, 23, `rsync: mkstemp "/.x.DraZce" (in m) failed: Permission denied (13)`, Partly, 0, "x", "", false},
		"old harmless":      {Send, 23, `rsync: failed to set times on "/." (in m): Operation not permitted (1)`, Done, 0, "", "", false},
		"root":              {Send, 23, `rsync: [receiver] mkstemp "." (in m) failed: Permission denied (13)`, Partly, 0, "", "", false},
		"old client option": {Delete, 4, "rsync: on remote machine: --delete-missing-args: unknown option\nrsync error: requested action not supported (code 4) at x.c(1) [Receiver=3.0.9]", Refused, MissingDeleteArgs, "", "", true},
		"old window":        {Send, 10, "rsync: on remote machine: -@-1: unknown option\nrsync error: syntax or usage error (code 1) at main.c(1) [server=3.0.9]", Refused, MissingNanoseconds, "", "", true},
		"3.4.3":             {Delete, 2, "invalid file mode 00 for d/missing [Receiver]\nrsync error: protocol incompatibility (code 2) at flist.c(1) [Receiver=3.4.3]", Refused, MissingDeleteArgs, "", "", true},
		"3.4.3 gone":        {Tree, 12, "invalid file mode 00 for d/missing [Receiver]\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]", Refused, MissingDeleteArgs, "", "", true},
		"path race":         {Send, 2, "ABORTING due to invalid path from sender: d/gone", Again, 0, "", "", true},
		"hidden status":     {Send, 0, "rsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]", Partly, 0, "", "", true},
		"other status":      {Send, 24, "rsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]", Partly, 0, "", "", true},
		"wrapper":           {Send, 1, "mywrap: unknown option --server", Trouble, 0, "", "", true},
		"full":              {Send, 11, `rsync: [receiver] write failed on "d/x" (in m): No space left on device (28)`, NoSpace, 0, "d/x", "", false},
		"old full":          {Send, 11, `rsync: write failed on "/d/x" (in m): No space left on device (28)`, NoSpace, 0, "d/x", "", false},
		"quota":             {Send, 23, `rsync: [receiver] write failed on "x" (in m): Disk quota exceeded (122)`, NoSpace, 0, "x", "", false},
		"here full":         {Send, 23, `rsync: [sender] send_files failed to open "/data/x": No space left on device (28)`, Partly, 0, "x", "", false},
		"killed":            {Send, -1, "", Trouble, 0, "", "", false},
		"lost":              {Send, 12, "rsync: [sender] safe_read failed to read 1 bytes: Connection reset by peer (104)", Trouble, 0, "", "", true},
		"unknown text":      {Send, 23, "something else", Partly, 0, "", "", true},
		"banner":            {Send, 0, "Authorized use only!\nmux_client_request_session: session request failed: Session open refused by peer", Done, 0, "", "", false},
		"own words":         {Send, 0, "rsync: something new", Partly, 0, "", "", true},
		"forged space":      {Send, 12, `rsync: [sender] send_files failed to open "/data/a (28) unknown option -@-1 delete-missing-args": Permission denied (13)`, Trouble, 0, "a (28) unknown option -@-1 delete-missing-args", "", false},
		"forged end":        {Send, 23, `rsync: [receiver] mkstemp "a" failed: No such file or directory (2)" (in m) failed: Permission denied (13)`, Partly, 0, `a" failed: No such file or directory (2)`, "", false},
		"forged harmless":   {Send, 23, `rsync: [receiver] mkstemp "failed to set times on "x": Operation not permitted (1)" (in m) failed: Permission denied (13)`, Partly, 0, `failed to set times on "x": Operation not permitted (1)`, "", false},
		"forged role":       {Send, 23, `rsync: [generator] mkstemp "[sender] x" failed: No such file or directory (2)`, Partly, 0, "[sender] x", "", false},
		"forged vanished":   {Send, 1, `file has vanished: "/data/unknown option -@-1"`, Trouble, 0, "", "", false},
		"two borders":       {Send, 23, `rsync: [generator] symlink "a" -> "b" -> "c" failed: Permission denied (13)`, Partly, 0, "", "", true},
		"too long":          {Tree, 23, "filename overflows max-path len by 171: d/e/a\\#012b", Partly, 0, "d/e/a\nb", "", false},
		"too long by role":  {Tree, 23, "[sender] filename overflows max-path len by 1: ./d/x", Partly, 0, "d/x", "", false},
		"forged too long":   {Send, 12, "filename overflows max-path len by 1: d/delete-missing-args -@-1 unknown option", Trouble, 0, "d/delete-missing-args -@-1 unknown option", "", false},
		"newline":           {Send, 23, `rsync: [receiver] mkstemp "a\#012b" (in m) failed: Permission denied (13)`, Partly, 0, "a\nb", "", false},
	} {
		r := Classify(c.kind, Target{}, root, Ended{Exit: c.exit, Stderr: c.text}, nil)
		if r.Class != c.class || r.Missing != c.miss || r.Unclear != c.unclear || paths(r.Failed) != c.failed || paths(r.Races) != c.races {
			t.Errorf("%s: %v missing %d failed %q races %q unclear %v", name, r.Class, r.Missing, paths(r.Failed), paths(r.Races), r.Unclear)
		}
	}
}

func paths(errs []PathError) string {
	var names []string
	for _, e := range errs {
		names = append(names, e.Path)
	}
	return strings.Join(names, "|")
}

func TestClassifyEdges(t *testing.T) {
	if r := Classify(Send, Target{}, "/d", Ended{Inactive: true, Exit: -1}, nil); r.Class != Trouble || r.Remedy == "" {
		t.Errorf("inactive: %+v", r)
	}
	if r := Classify(Delete, Target{}, "/d", Ended{}, []string{"x"}); r.Class != Refused || r.Missing != MissingDeleteArgs {
		t.Errorf("skipped: %+v", r)
	}
	if r := Classify(Send, Target{}, "/d", Ended{}, []string{"x"}); r.Class != Done {
		t.Errorf("skipped fifo: %+v", r)
	}
	if r := Classify(Send, Target{}, "/d", Ended{Exit: 23, Truncated: true}, nil); r.Class != Partly || !r.Unclear {
		t.Errorf("truncated: %+v", r)
	}
	r := Classify(Send, Target{}, "/d", Ended{Exit: 99, Stderr: strings.Repeat("x", 1<<20)}, nil)
	if r.Class != Trouble || len(r.Detail) > 1000 || r.Reason == "" {
		t.Errorf("long: %d", len(r.Detail))
	}
}

func TestParseChangeRefusesOtherLines(t *testing.T) {
	for _, line := range []string{"", "hello world", "<f+++++++++", "<f+++++++++ x name", "xf+++++++++ 3 n", "<x+++++++++ 3 n", "*deletin 3 x", "building file list ... done", "<f+++++++++ 3"} {
		if c, ok := ParseChange([]byte(line)); ok {
			t.Errorf("%q: %+v", line, c)
		}
	}
	for line, want := range map[string]Change{
		"<f+++++++++ 3 a b":            {Path: "a b", Sent: true, Size: 3},
		"cd+++++++++ 4096 d/":          {Path: "d", Dir: true, Sent: true, Size: 4096},
		".d..t...... 4096 ./":          {Dir: true, OnlyTime: true, Size: 4096},
		"*deleting   0 d/e/":           {Path: "d/e", Dir: true, Deleted: true},
		"*deleting   0  x":             {Path: " x", Deleted: true},
		`.f..t...... 3 \#012\#134#012`: {Path: "\n\\#012", OnlyTime: true, Size: 3},
	} {
		if c, ok := ParseChange([]byte(line)); !ok || c != want {
			t.Errorf("%q: %+v %v", line, c, ok)
		}
	}
}

func TestArgsGolden(t *testing.T) {
	daemon := Target{Host: "fe80::1", Name: "mod", User: "bob", PasswordFile: "/etc/p w", Port: 874, Timeout: 100, Params: params(t, "-artuz --exclude='a b'")}
	ssh := Target{Host: "h", Name: "/srv/a b", SSH: true, SSHPort: 22, Params: params(t, "-artuz")}
	own := Target{Host: "h", Name: "m", Params: params(t, "-a --inplace --timeout=4 --modify-window=2")}
	var b strings.Builder
	for _, target := range []Target{daemon, ssh, own} {
		for k := Send; k <= Times; k++ {
			r := Run{Kind: k, Target: target, MayDelete: true, DeleteInside: true}
			b.WriteString(k.String() + ": " + Quote(r.Args()) + "\n")
		}
		old := Run{Kind: Delete, Target: target, Caps: Capabilities{SecondsOnly: true, Deleter: DeletePatterns}, MayDelete: true}
		b.WriteString("old delete: " + Quote(old.Args()) + "\n")
		old.Kind, old.LiftUpdate, old.IgnoreTimes, old.MayDelete, old.Excludes = Tree, true, true, false, []string{"*.x y"}
		b.WriteString("old tree: " + Quote(old.Args()) + "\n")
		verify := Run{Kind: Full, Verify: true, Target: target, RemoteShell: "ssh -S /x"}
		b.WriteString("verify: " + Quote(verify.Args()) + "\n\n")
	}
	golden(t, "args.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", file, got)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(23, `rsync: [receiver] mkstemp "a" (in m) failed: Permission denied (13)`, "a")
	f.Add(23, `rsync: [sender] link_stat "/data/x" failed: No such file or directory (2)`, `" failed: x (2)`)
	f.Add(12, "rsync: connection unexpectedly closed", "(28)")
	f.Add(4, "rsync: The server is configured to refuse --delete", `" -> "`)
	f.Fuzz(func(t *testing.T, exit int, text, name string) {
		Classify(Send, Target{}, "/data", Ended{Exit: exit, Stderr: text}, nil)
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.Contains(name, `\#`) || name == "" || name[0] == '/' || name == "." || strings.HasPrefix(name, "./") {
			return
		}
		// A name that cannot be opened is told exactly, whatever it looks like.
		line := `rsync: [sender] send_files failed to open "/data/` + name + `": Permission denied (13)`
		r := Classify(Send, Target{}, "/data", Ended{Exit: 23, Stderr: line + "\n"}, nil)
		if r.Class != Partly || len(r.Failed) != 1 || r.Failed[0].Path != name || r.Failed[0].Errno != syscall.EACCES {
			t.Errorf("%q: %+v", name, r)
		}
	})
}

func FuzzParseChange(f *testing.F) {
	for _, s := range []string{"<f+++++++++ 3 a", "*deleting   0 x/", `.d..t...... 1 \#0`, `skipping non-regular file "x"`, "-rw-r--r-- 3 2026/11/21-09:50:28 x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if c, ok := ParseChange(line); ok && len(c.Path) > len(line) {
			t.Errorf("%q: %q", line, c.Path)
		}
		Skipped(line)
		ParseTime(line)
	})
}

func FuzzParseParams(f *testing.F) {
	for _, s := range []string{"-artuz", `-a -e "ssh -p 1"`, "<(x)", "${x:=y}", "$((1))", "-a --exclude", "\xff\x00", "~", "{a,b}", "-@", "-M", "a=(b)", "!x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseParams(text, func(string) string { return "v" })
		if err != nil {
			return
		}
		p.WithoutUpdate()
		for _, a := range p.Args() {
			if a == "" && !strings.ContainsAny(text, `"'`) && !strings.Contains(text, "$") {
				t.Errorf("%q: an empty argument", text)
			}
		}
	})
}

// Receivers name files from the directory that their module, or their file
// system, begins with.
func TestPlacesOfComplaints(t *testing.T) {
	mkstemp := func(name string) string {
		return `rsync: [receiver] mkstemp "` + name + `" failed: Permission denied (13)`
	}
	for _, c := range []struct {
		target    Target
		line      string
		path      string
		elsewhere bool
	}{
		{Target{Name: "m"}, `rsync: [receiver] mkstemp "d/.f.AbCdEf" (in m) failed: Permission denied (13)`, "d/f", false},
		{Target{Name: "m/s"}, `rsync: [receiver] mkstemp "s/d/.f.AbCdEf" (in m) failed: Permission denied (13)`, "d/f", false},
		{Target{Name: "m/./s//t/"}, `rsync: mkstemp "/s/t/.f.AbCdEf" (in m) failed: Permission denied (13)`, "f", false},
		{Target{Name: "m/s"}, `rsync: [generator] recv_generator: mkdir "s" (in m) failed: Permission denied (13)`, "", false},
		{Target{Name: "m/s"}, `rsync: [generator] recv_generator: mkdir "other/d" (in m) failed: Permission denied (13)`, "other/d", true},
		{Target{Name: "m/s"}, `rsync: [generator] delete_file: unlink(s/x) failed: Permission denied (13)`, "s/x", false},
		{Target{Name: "/srv/www/", SSH: true}, mkstemp("/srv/www/www/.f.AbCdEf"), "www/f", false},
		{Target{Name: "/srv/www", SSH: true}, mkstemp("/mnt/www/.f.AbCdEf"), "mnt/www/f", true},
		{Target{Name: "/", SSH: true}, mkstemp("/d/.f.AbCdEf"), "d/f", false},
		{Target{Name: "backup/x", SSH: true}, mkstemp("/home/u/backup/x/d/.f.AbCdEf"), "d/f", false},
		{Target{Name: "~/backup", SSH: true}, mkstemp("/home/u/backup/.f.AbCdEf"), "f", false},
		{Target{Name: "", SSH: true}, mkstemp("/home/u/.f.AbCdEf"), "home/u/f", true},
		{Target{Name: "m"}, `rsync: [sender] send_files failed to open "/data/d/f": Permission denied (13)`, "d/f", false},
		{Target{Name: "m"}, `rsync: [sender] send_files failed to open "/database/f": Permission denied (13)`, "database/f", true},
	} {
		r := Classify(Send, c.target, "/data", Ended{Exit: 23, Stderr: c.line}, nil)
		if len(r.Failed) != 1 || r.Failed[0].Path != c.path || r.Failed[0].Elsewhere != c.elsewhere {
			t.Errorf("%s, %s: %+v", c.target.Dest(), c.line, r.Failed)
		}
	}
}
