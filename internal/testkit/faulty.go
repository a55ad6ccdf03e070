package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Faulty is an rsync whose next calls a test can make fail while the program under test runs. It
// logs its calls as a Recorder does.
type Faulty struct {
	Recorder
	control string // a file with one line for each call that is to fail
	poison  string // a text: each run breaks that has it in a name
}

// NewFaulty writes a faulty rsync into a temporary directory.
func NewFaulty(t testing.TB) *Faulty {
	t.Helper()
	base := t.TempDir()
	f := &Faulty{
		Recorder: Recorder{t: t, Dir: filepath.Join(base, "bin"), log: filepath.Join(base, "log")},
		control:  filepath.Join(base, "control"),
		poison:   filepath.Join(base, "poison"),
	}
	f.Program = filepath.Join(f.Dir, "rsync")
	must(t, os.Mkdir(f.Dir, 0o755))
	must(t, os.Mkdir(f.log, 0o777))
	must(t, os.Chmod(f.log, 0o777))
	must(t, os.WriteFile(f.control, nil, 0o666))
	real, err := exec.LookPath("rsync")
	must(t, err)
	WriteProgram(t, f.Program, faultyScript(real, f.log, f.control, f.poison))
	OpenToAll(t, base)
	return f
}

// faultyScript takes one line of the control file for each call. A run that is to end with 24 is
// done first, and ends with its own status unless that is 0: an rsync that ends with 24 has sent
// everything else. A run that is to end with 23 or 25 also prints a complaint that no table knows,
// because a 23 without a complaint stands for complaints that do no harm.
func faultyScript(real, log, control, poison string) string {
	return fmt.Sprintf(`#!/bin/sh
case " $* " in *' --version '*|*' --server '*) exec %[1]s "$@";; esac
n=0
while [ -e '%[2]s'/$$.$n ]; do n=$((n+1)); done
printf '%%s\0' "$PWD" "$@" END > '%[2]s'/$$.$n
if [ -s '%[4]s' ]; then
	list='%[4]s'.$$
	case " $* " in
	*' --files-from=- '*|*' --include-from=- '*) cat > "$list";;
	*) printf './\0' > "$list";;
	esac
	names() {
		tr '\0' '\n' < "$list"
		case " $* " in *' --recursive '*) xargs -0 -r sh -c 'for n; do find "./$n"; done' sh < "$list" 2>/dev/null;; esac
	}
	case " $* " in
	*' -n '*) ;;
	*) if names "$@" | grep -qF -f '%[4]s'; then
		rm "$list"
		echo 'rsync: connection unexpectedly closed (101 bytes received so far) [sender]' >&2
		echo 'rsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]' >&2
		exit 12
	fi;;
	esac
	exec 8< "$list"
	rm "$list"
	exec %[1]s "$@" <&8
fi
[ -s '%[3]s' ] || exec %[1]s "$@"
exec 9>'%[3]s.lock'
flock 9
read -r rc < '%[3]s'
sed -i 1d '%[3]s'
exec 9>&-
case "$rc" in
'') exec %[1]s "$@";;
1000) kill -9 $$;;
24) %[1]s "$@" && exit 24; exit "$?";;
23|25) echo 'rsync: the test says that something went wrong' >&2;;
esac
echo "rsync error: injected by the test (code $rc) at main.c(1) [sender=3.5.0]" >&2
exit "$rc"
`, real, log, control, poison)
}

// Poison makes each call break off that is to send or delete a path with this text in its name, as
// if the path made the receiver crash. With an empty text no call breaks off any more.
func (f *Faulty) Poison(text string) {
	f.t.Helper()
	if text == "" {
		must(f.t, os.RemoveAll(f.poison))
		return
	}
	must(f.t, os.WriteFile(f.poison, []byte(text+"\n"), 0o644))
}

// Fail makes the next calls end with these exit statuses; 1000 means that the call is killed by
// SIGKILL. Calls that only ask for the version do not count.
func (f *Faulty) Fail(codes ...int) {
	f.t.Helper()
	f.locked(func(left string) string {
		for _, c := range codes {
			left += fmt.Sprintln(c)
		}
		return left
	})
}

// Heal drops the failures that no call has taken yet, and returns their number.
func (f *Faulty) Heal() (left int) {
	f.t.Helper()
	f.locked(func(text string) string {
		left = strings.Count(text, "\n")
		return ""
	})
	return left
}

// locked replaces the control file while no call reads it.
func (f *Faulty) locked(change func(string) string) {
	f.t.Helper()
	lock, err := os.OpenFile(f.control+".lock", os.O_CREATE|os.O_RDWR, 0o666)
	must(f.t, err)
	defer lock.Close()
	must(f.t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	old, err := os.ReadFile(f.control)
	must(f.t, err)
	must(f.t, os.WriteFile(f.control, []byte(change(string(old))), 0o666))
}

// Full reports whether the run was a full sync: a run that sends, and has no list of names.
func (r Run) Full() bool {
	return !r.Survey() && !slices.ContainsFunc(r.Args, func(a string) bool {
		return strings.HasPrefix(a, "--files-from") || strings.HasPrefix(a, "--include-from") || a == "--list-only"
	})
}

// Survey reports whether the run only asked a question: it changed nothing on the remote, or
// fetched times from the remote into another directory.
func (r Run) Survey() bool {
	return slices.Contains(r.Args, "-n") || slices.Contains(r.Args, "--dry-run") || slices.Contains(r.Args, "--existing")
}

// FullSyncs counts the full syncs so far.
func (r *Recorder) FullSyncs() int {
	r.t.Helper()
	n := 0
	for _, run := range r.Runs() {
		if run.Full() {
			n++
		}
	}
	return n
}
