package rsync

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/transport"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestClassifyTexts(t *testing.T) {
	const root = "/data"
	for name, c := range map[string]struct {
		kind          transport.Kind
		exit          int
		text          string
		class         transport.Class
		miss          transport.Missing
		failed, races string
		unclear       bool
	}{
		"silence": {transport.Send, 0, "", transport.Done, 0, "", "", false},
		"bare 23": {transport.Send, 23, "", transport.Partly, 0, "", "", true},
		"a bare end of 23": {transport.Tree, 23, "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1347) [sender=3.5.0]",
			transport.Partly, 0, "", "", true},
		"23 and no reason": {transport.Send, 23, `file has vanished: "/data/x"`, transport.Partly, 0, "", "", true},
		"a question answered, and hung up": {transport.Times, 23, "rsync: [sender] link_stat \"/x\" (in m) failed: No such file or directory (2)\n" +
			"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956) [Receiver=3.5.0]\n" +
			"rsync: [Receiver] read error: Connection reset by peer (104)", transport.Partly, 0, "x", "", false},
		"vanished":       {transport.Send, 24, `file has vanished: "/data/x"` + "\n", transport.Done, 0, "", "", false},
		"times":          {transport.Send, 23, `rsync: [generator] failed to set times on "d/x" (in m): Operation not permitted (1)`, transport.Done, 0, "", "", false},
		"owner":          {transport.Send, 23, `rsync: [receiver] chown ".x.AbCdEf" (in m) failed: Operation not permitted (1)`, transport.Done, 0, "", "", false},
		"xattr":          {transport.Send, 23, `rsync: [receiver] rsync_xal_set: lsetxattr("x" (in m),"user.a") failed: Operation not supported (95)`, transport.Done, 0, "", "", false},
		"read-only disk": {transport.Send, 23, `rsync: [generator] failed to set times on "x" (in m): Read-only file system (30)`, transport.Partly, 0, "x", "", false},
		"temporary":      {transport.Send, 23, `rsync: [receiver] mkstemp "d/.x.DraZce" (in mod) failed: Permission denied (13)`, transport.Partly, 0, "d/x", "", false},
		"renamed":        {transport.Send, 23, `rsync: [receiver] rename "d/.x.DraZce" (in mod) -> "d/x": Permission denied (13)`, transport.Partly, 0, "d/x", "", false},
		"mkdir": {transport.Send, 23, `rsync: [generator] recv_generator: mkdir "d" (in m) failed: Permission denied (13)` +
			"\n*** Skipping any contents from this failed directory ***\n", transport.Partly, 0, "d", "", false},
		"unlink": {transport.Delete, 23, "rsync: [generator] delete_file: unlink(d/z) x) failed: Permission denied (13)\ncannot delete non-empty directory: d\n",
			transport.Partly, 0, "d/z) x|d", "", false},
		"read race":           {transport.Send, 23, `rsync: [sender] read errors mapping "/data/x": No data available (61)`, transport.Again, 0, "", "x", false},
		"read error":          {transport.Send, 23, `rsync: [sender] read errors mapping "/data/x": Input/output error (5)`, transport.Again, 0, "", "x", false},
		"unproven":            {transport.Send, 23, "ERROR: d/x failed verification -- update discarded.", transport.Again, 0, "", "d/x", false},
		"unproven at first":   {transport.Send, 0, "WARNING: d/x failed verification -- update discarded (will try again).", transport.Done, 0, "", "", false},
		"stat race":           {transport.Send, 23, `rsync: [sender] link_stat "/data/x" failed: No such file or directory (2)`, transport.Again, 0, "", "x", false},
		"old sender":          {transport.Send, 23, `rsync: send_files failed to open "/data/x": Permission denied (13)`, transport.Partly, 0, "x", "", false},
		"old receiver":        {transport.Send, 23, `rsync: mkstemp "/.x.DraZce" (in m) failed: Permission denied (13)`, transport.Partly, 0, "x", "", false},
		"old harmless":        {transport.Send, 23, `rsync: failed to set times on "/." (in m): Operation not permitted (1)`, transport.Done, 0, "", "", false},
		"root":                {transport.Send, 23, `rsync: [receiver] mkstemp "." (in m) failed: Permission denied (13)`, transport.Partly, 0, "", "", false},
		"old client option":   {transport.Delete, 4, "rsync: on remote machine: --delete-missing-args: unknown option\nrsync error: requested action not supported (code 4) at x.c(1) [Receiver=3.0.9]", transport.Refused, transport.MissingDeleteArgs, "", "", true},
		"old window":          {transport.Send, 10, "rsync: on remote machine: -@-1: unknown option\nrsync error: syntax or usage error (code 1) at main.c(1) [server=3.0.9]", transport.Refused, transport.MissingNanoseconds, "", "", true},
		"3.4.3":               {transport.Delete, 2, "invalid file mode 00 for d/missing [Receiver]\nrsync error: protocol incompatibility (code 2) at flist.c(1) [Receiver=3.4.3]", transport.Refused, transport.MissingDeleteArgs, "", "", true},
		"3.4.3 gone":          {transport.Tree, 12, "invalid file mode 00 for d/missing [Receiver]\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]", transport.Refused, transport.MissingDeleteArgs, "", "", true},
		"3.0.9 refuses":       {transport.Delete, 10, "rsync: The server is configured to refuse --delete-missing-args\nrsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]\nrsync: [sender] read error: Connection reset by peer (104)", transport.Refused, transport.MissingDeleteArgs, "", "", true},
		"path race":           {transport.Send, 2, "ABORTING due to invalid path from sender: d/gone", transport.Again, 0, "", "", true},
		"hidden status":       {transport.Send, 0, "rsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]", transport.Partly, 0, "", "", true},
		"other status":        {transport.Send, 24, "rsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]", transport.Partly, 0, "", "", true},
		"wrapper":             {transport.Send, 1, "mywrap: unknown option --server", transport.Trouble, 0, "", "", true},
		"full":                {transport.Send, 11, `rsync: [receiver] write failed on "d/x" (in m): No space left on device (28)`, transport.NoSpace, 0, "d/x", "", false},
		"old full":            {transport.Send, 11, `rsync: write failed on "/d/x" (in m): No space left on device (28)`, transport.NoSpace, 0, "d/x", "", false},
		"quota":               {transport.Send, 23, `rsync: [receiver] write failed on "x" (in m): Disk quota exceeded (122)`, transport.NoSpace, 0, "x", "", false},
		"here full":           {transport.Send, 23, `rsync: [sender] send_files failed to open "/data/x": No space left on device (28)`, transport.Partly, 0, "x", "", false},
		"killed":              {transport.Send, -1, "", transport.Trouble, 0, "", "", false},
		"lost":                {transport.Send, 12, "rsync: [sender] safe_read failed to read 1 bytes: Connection reset by peer (104)", transport.Refused, transport.MissingAnswer, "", "", true},
		"lost in a plain run": {transport.Times, 12, "rsync: [sender] safe_read failed to read 1 bytes: Connection reset by peer (104)", transport.Trouble, 0, "", "", true},
		"3.1.2":               {transport.Send, 10, "rsync: [sender] read error: Connection reset by peer (104)\nrsync error: error in socket IO (code 10) at io.c(907) [sender=3.5.0]", transport.Refused, transport.MissingAnswer, "", "", true},
		"3.1.2, closed":       {transport.Delete, 12, "rsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(285) [sender=3.5.0]", transport.Refused, transport.MissingAnswer, "", "", false},
		"3.0.9":               {transport.Send, 12, "rsync: on remote machine: -@-1: unknown option\nrsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]\nrsync: connection unexpectedly closed (148 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(285) [sender=3.5.0]", transport.Refused, transport.MissingNanoseconds, "", "", true},
		"broke off later":     {transport.Send, 12, "rsync: connection unexpectedly closed (99 bytes received so far) [sender]\nrsync error: error in rsync protocol data stream (code 12) at io.c(285) [sender=3.5.0]", transport.Trouble, 0, "", "", false},
		"no connection":       {transport.Send, 10, "rsync: [sender] failed to connect to h (1.2.3.4): Connection refused (111)\nrsync error: error in socket IO (code 10) at clientserver.c(165) [sender=3.5.0]", transport.Trouble, 0, "", "", true},
		"unknown text":        {transport.Send, 23, "something else", transport.Partly, 0, "", "", true},
		"banner":              {transport.Send, 0, "Authorized use only!\nmux_client_request_session: session request failed: Session open refused by peer", transport.Done, 0, "", "", false},
		"own words":           {transport.Send, 0, "rsync: something new", transport.Partly, 0, "", "", true},
		"forged space":        {transport.Send, 12, `rsync: [sender] send_files failed to open "/data/a (28) unknown option -@-1 delete-missing-args": Permission denied (13)`, transport.Trouble, 0, "a (28) unknown option -@-1 delete-missing-args", "", false},
		"forged end":          {transport.Send, 23, `rsync: [receiver] mkstemp "a" failed: No such file or directory (2)" (in m) failed: Permission denied (13)`, transport.Partly, 0, `a" failed: No such file or directory (2)`, "", false},
		"forged harmless":     {transport.Send, 23, `rsync: [receiver] mkstemp "failed to set times on "x": Operation not permitted (1)" (in m) failed: Permission denied (13)`, transport.Partly, 0, `failed to set times on "x": Operation not permitted (1)`, "", false},
		"forged role":         {transport.Send, 23, `rsync: [generator] mkstemp "[sender] x" failed: No such file or directory (2)`, transport.Partly, 0, "[sender] x", "", false},
		"forged vanished":     {transport.Send, 1, `file has vanished: "/data/unknown option -@-1"`, transport.Trouble, 0, "", "", false},
		"two borders":         {transport.Send, 23, `rsync: [generator] symlink "a" -> "b" -> "c" failed: Permission denied (13)`, transport.Partly, 0, "", "", true},
		"too long":            {transport.Tree, 23, "filename overflows max-path len by 171: d/e/a\\#012b", transport.Partly, 0, "d/e/a\nb", "", false},
		"too long by role":    {transport.Tree, 23, "[sender] filename overflows max-path len by 1: ./d/x", transport.Partly, 0, "d/x", "", false},
		"forged too long":     {transport.Send, 12, "filename overflows max-path len by 1: d/delete-missing-args -@-1 unknown option", transport.Trouble, 0, "d/delete-missing-args -@-1 unknown option", "", false},
		"newline":             {transport.Send, 23, `rsync: [receiver] mkstemp "a\#012b" (in m) failed: Permission denied (13)`, transport.Partly, 0, "a\nb", "", false},
	} {
		r := Classify(Run{Batch: transport.Batch{Kind: c.kind}}, root, Ended{Ended: child.Ended{Exit: c.exit, Stderr: c.text}}, nil)
		if r.Class != c.class || r.Missing != c.miss || r.Unclear != c.unclear || paths(r.Failed) != c.failed || paths(r.Races) != c.races {
			t.Errorf("%s: %v missing %d failed %q races %q unclear %v", name, r.Class, r.Missing, paths(r.Failed), paths(r.Races), r.Unclear)
		}
	}
}

func paths(errs []transport.PathError) string {
	var names []string
	for _, e := range errs {
		names = append(names, e.Path)
	}
	return strings.Join(names, "|")
}

func TestClassifyEdges(t *testing.T) {
	if r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/d", Ended{Ended: child.Ended{Silence: child.Inactive, Exit: -1}}, nil); r.Class != transport.Trouble || r.Remedy == "" {
		t.Errorf("inactive: %+v", r)
	}
	if r := Classify(Run{Batch: transport.Batch{Kind: transport.Delete}}, "/d", Ended{}, []string{"x"}); r.Class != transport.Refused || r.Missing != transport.MissingDeleteArgs {
		t.Errorf("skipped: %+v", r)
	}
	if r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/d", Ended{}, []string{"x"}); r.Class != transport.Done {
		t.Errorf("skipped fifo: %+v", r)
	}
	if r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/d", Ended{Ended: child.Ended{Exit: 23, Truncated: true}}, nil); r.Class != transport.Partly || !r.Unclear {
		t.Errorf("truncated: %+v", r)
	}
	r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/d", Ended{Ended: child.Ended{Exit: 99, Stderr: strings.Repeat("x", 1<<20)}}, nil)
	if r.Class != transport.Trouble || len(r.Detail) > 1000 || r.Reason == "" {
		t.Errorf("long: %d", len(r.Detail))
	}
}

func TestParseChangeRefusesOtherLines(t *testing.T) {
	for _, line := range []string{"", "hello world", "<f+++++++++", "<f+++++++++ x name", "xf+++++++++ 3 n", "<x+++++++++ 3 n", "*deletin 3 x", "building file list ... done", "<f+++++++++ 3"} {
		if c, ok := ParseChange([]byte(line)); ok {
			t.Errorf("%q: %+v", line, c)
		}
	}
	for line, want := range map[string]transport.Change{
		"<f+++++++++ 3 a b":            {Path: "a b", Sent: true, New: true, Size: 3},
		"cd+++++++++ 4096 d/":          {Path: "d", Dir: true, Sent: true, New: true, Size: 4096},
		".d..t...... 4096 ./":          {Dir: true, OnlyTime: true, Size: 4096},
		".L..t...... 11 l":             {Path: "l", Link: true, OnlyTime: true, Size: 11},
		"cLc.T...... 11 l":             {Path: "l", Link: true, Sent: true, Size: 11},
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
		for k := transport.Send; k <= transport.Stamps; k++ {
			r := Run{Batch: transport.Batch{Kind: k, MayDelete: true, DeleteInside: true}, Target: target}
			b.WriteString(k.String() + ": " + line(r.Args()) + "\n")
		}
		old := Run{Batch: transport.Batch{Kind: transport.Delete, Caps: transport.Capabilities{}.Lacking(transport.Nanoseconds, transport.MissingArgs), MayDelete: true}, Target: target}
		b.WriteString("old delete: " + line(old.Args()) + "\n")
		old.Kind, old.LiftUpdate, old.Contents, old.MayDelete, old.Excludes = transport.Tree, true, true, false, []string{"*.x y"}
		b.WriteString("old tree: " + line(old.Args()) + "\n")
		verify := Run{Batch: transport.Batch{Kind: transport.Full, Verify: true}, Target: target, RemoteShell: "ssh -S /x"}
		b.WriteString("verify: " + line(verify.Args()) + "\n\n")
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
		Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/data", Ended{Ended: child.Ended{Exit: exit, Stderr: text}}, nil)
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.Contains(name, `\#`) || name == "" || name[0] == '/' || name == "." || strings.HasPrefix(name, "./") {
			return
		}
		// A name that cannot be opened is reported exactly, whatever it looks like.
		line := `rsync: [sender] send_files failed to open "/data/` + name + `": Permission denied (13)`
		r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/data", Ended{Ended: child.Ended{Exit: 23, Stderr: line + "\n"}}, nil)
		if r.Class != transport.Partly || len(r.Failed) != 1 || r.Failed[0].Path != name || r.Failed[0].Errno != syscall.EACCES {
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
		ParseCopy(line)
	})
}

func FuzzParseParams(f *testing.F) {
	for _, s := range []string{"-artuz", `-a -e "ssh -p 1"`, "<(x)", "${x:=y}", "$((1))", "-a --exclude", "\xff\x00", "~", "{a,b}", "-@", "-M", "a=(b)", "!x", "-delete", "--no-x --excldue=", "–a", "-avzPe ssh", "--remove-source-files -n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseParams(text, rsyncopts.Setting{}, func(string) string { return "v" })
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

// Receivers name files from the directory where their module, or their file system, begins.
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
		r := Classify(Run{Target: c.target}, "/data", Ended{Ended: child.Ended{Exit: 23, Stderr: c.line}}, nil)
		if len(r.Failed) != 1 || r.Failed[0].Path != c.path || r.Failed[0].Elsewhere != c.elsewhere {
			t.Errorf("%s, %s: %+v", c.target.Dest(), c.line, r.Failed)
		}
	}
}

// line shows an argument vector as one would type it in a shell.
func line(args []string) string {
	return strings.TrimPrefix(shellwords.Command(append([]string{"rsync"}, args...)), "rsync ")
}

// How daemons, and rrsync behind sshd, refuse what a run needs that links what was moved.
func TestRefusalsToReuse(t *testing.T) {
	const reset, closed = "\nrsync: [sender] read error: Connection reset by peer (104)", "\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]"
	for _, c := range []struct {
		exit   int
		text   string
		rrsync bool
	}{
		{10, "rsync: The server is configured to refuse --protect-args (-s)\nrsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]" + reset, false},
		{12, "rsync: The server is configured to refuse --link-dest\nrsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]" + reset, false},
		{4, "rsync: The server is configured to refuse --protect-args (-s)\nrsync error: requested action not supported (code 4) at clientserver.c(1098) [Receiver=3.2.3]" + reset, false},
		{4, "rsync: The server is configured to refuse --secluded-args (-s)\nrsync error: requested action not supported (code 4) at clientserver.c(1267) [Receiver=3.5.0]" + reset, false},
		{12, "/usr/bin/rrsync: option -s has been disabled on this server." + closed, true},
		{12, "/usr/bin/rrsync error: option -s has been disabled on this server." + closed, true},
		{12, "Do not use .. in --link-dest; anchor the path at the root of your restricted dir." + closed, true},
		{12, "/usr/bin/rrsync error: do not use .. in --link-dest (anchor the path at the root of your restricted dir)" + closed, true},
	} {
		ended := Ended{Ended: child.Ended{Exit: c.exit, Stderr: c.text}}
		run := Run{Batch: transport.Batch{Kind: transport.Tree, Reuse: transport.Reuse{Of: "a b", At: "c", Linked: true}}, Target: Target{Host: "h", Name: "m", Params: params(t, "-artuz")}}
		if r := Classify(run, "/d", ended, nil); r.Class != transport.Refused || r.Missing != transport.MissingElsewhere {
			t.Errorf("%v, missing %d: %s", r.Class, r.Missing, c.text)
		}
		run.Caps = run.Caps.Lacking(transport.Elsewhere)
		if r := Classify(run, "/d", ended, nil); c.rrsync && r.Class != transport.Trouble {
			t.Errorf("a run without the options: %v: %s", r.Class, c.text)
		}
		run.Target.Params = params(t, "-artuz -s --link-dest=../x")
		if r := Classify(run, "/d", ended, nil); r.Class != transport.Trouble {
			t.Errorf("the user's own options: %v: %s", r.Class, c.text)
		}
	}
}
