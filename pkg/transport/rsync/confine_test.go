package rsync

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

func TestConfinable(t *testing.T) {
	for text, want := range map[string]bool{
		"-artuz": true, "-a --exclude=x": true, "-a --filter='- x'": true,
		"-aL": false, "-ak": false, "-aC": false, "-a --filter='merge /x'": false, "-a --log-file=/x": false,
	} {
		r := Run{Batch: transport.Batch{Caps: transport.Capabilities{ConfineRoot: true}}, Target: Target{Params: params(t, text)}}
		if r.Confinable() != want {
			t.Errorf("%q: confinable %v, want %v", text, !want, want)
		}
		if r.Caps.ConfineRoot = false; r.Confinable() {
			t.Errorf("%q: a client without --confine-root cannot be asked for it", text)
		}
	}
}

func TestConfinedRunsTakeThePasswordAnotherWay(t *testing.T) {
	r := Run{Target: Target{Host: "h", Name: "m", PasswordFile: "/etc/rsync.pas"}}
	if args := r.Args(); !slices.Contains(args, "--password-file=/etc/rsync.pas") {
		t.Errorf("%q has no password file", args)
	}
	r.Confine = "/data"
	args := r.Args()
	if slices.Contains(args, "--password-file=/etc/rsync.pas") || !slices.Contains(args, "--confine-root=/data") {
		t.Errorf("%q: rsync refuses a password file outside of the confinement", args)
	}
}

func TestReadPassword(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"plain":      {"secret\nsecond line\n", 0o600, "secret"},
		"no newline": {"secret", 0o640, "secret"},
		"crlf":       {"secret\r\n", 0o600, "secret"},
		"world":      {"secret\n", 0o604, ""},
		"empty":      {"\n", 0o600, ""},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPassword(path)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	if _, err := ReadPassword(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file has no password")
	}
}

// A fifo as password file must block neither the lane nor the end of the program.
func TestPasswordFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	if got, err := ReadPassword(path); err == nil {
		t.Errorf("%q from a fifo", got)
	}
}
