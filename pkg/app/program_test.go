package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/cli"
)

// TestExitStatuses: a request that cannot be fulfilled ends with the exit status that scripts know,
// and with a line that says why.
func TestExitStatuses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", "")
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	state := `<head version="2.5"><sersync><state dir="` + dir + `"/></sersync></head>`
	sound, broken, logged := write("sound.xml", state), write("broken.xml", "<head"), write("logged.xml", `<head version="2.5"><log file="`+write("log", "one\ntwo\n")+`"/></head>`)
	journal := write("journal.xml", `<head version="2.5"><log format="journal"/></head>`)
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"version":                    {[]string{"--version"}, 0, "sersync"},
		"help":                       {[]string{"--help"}, 0, "--check"},
		"short help":                 {[]string{"-h"}, 0, "-o:"},
		"unknown option":             {[]string{"--no-such-option"}, 1, "--no-such-option"},
		"check of no file":           {[]string{"--check", "-o", dir + "/none.xml"}, 1, "none.xml"},
		"check of no configuration":  {[]string{"--check", "-o", broken}, 1, "unmatched end tag"},
		"status, nothing runs":       {[]string{"--status", "-o", sound}, 3, "not running"},
		"status in a spoilt file":    {[]string{"--status", "-o", broken}, 3, "broken.xml"},
		"stop, nothing runs":         {[]string{"--stop", "-o", sound}, 3, "sersync:"},
		"resync of no file":          {[]string{"--resync", "-o", dir + "/none.xml"}, 3, "none.xml"},
		"log in a file":              {[]string{"--log", "-o", logged}, 0, "one\ntwo\n"},
		"log in the journal":         {[]string{"--log", "-o", journal}, 0, "journalctl"},
		"log of what has never run":  {[]string{"--log", "-o", sound}, 3, "sersync:"},
		"log of a spoilt file":       {[]string{"--log", "-o", broken}, 1, "broken.xml"},
		"pause without an instance":  {[]string{"--pause", "lane", "-o", sound}, 3, "sersync:"},
		"verify without an instance": {[]string{"--verify", "-o", sound}, 3, "sersync:"},
	} {
		t.Run(name, func(t *testing.T) {
			out, status := program(t, c.args...)
			if status != c.status || !strings.Contains(string(out), c.says) {
				t.Errorf("%q: status %d, want %d and %q:\n%s", c.args, status, c.status, c.says, out)
			}
		})
	}
}

// TestLoad: for a file that is no configuration the exit status is that of 2.5.4, for everything
// else that prevents a start it is 1. A plugin alone needs no localpath.
func TestLoad(t *testing.T) {
	host := fakeHost(t)
	probe, err := os.ReadFile("../confxml/testdata/probes/901_syn-crlf.xml")
	if err != nil {
		t.Fatal(err)
	}
	sound := strings.NewReplacer(`"/opt/`, `"`+host+`/opt/`, `"/tmp/`, `"`+host+`/tmp/`).Replace(string(probe))
	gone := strings.Replace(sound, `watch="`+host, `watch="`+host+`/none`, 1)
	for name, c := range map[string]struct {
		text, module string
		status       int
	}{
		"sound":                         {sound, "", 0},
		"no configuration":              {"<head", "", 255},
		"no directory":                  {gone, "", 1},
		"no directory for the sync":     {gone, "socket", 0},
		"no configuration for a plugin": {"<head", "socket", 255},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.xml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			p := Program{Stdout: null, Stderr: null, Getenv: os.Getenv}
			if _, status := p.load(cli.Options{Config: file, Module: c.module}, nil); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
}

// TestHangups: under a service manager SIGHUP asks for a reload.
func TestHangups(t *testing.T) {
	p := Program{Getenv: func(string) string { return "/run/notify" }}
	hangups, end := p.hangups(cli.Options{}, nil)
	defer end()
	if err := unix.Kill(os.Getpid(), unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if s := <-hangups; s != unix.SIGHUP {
		t.Error(s)
	}
}

// TestSignals: SIGTERM ends a program that runs in the foreground, and so does SIGINT.
func TestSignals(t *testing.T) {
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		ctx, stop := signals(nil)
		if err := unix.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		stop()
	}
}

// TestRsyncEnvironment: only rsync gets the password for rsync, and no child gets the variables
// that are meant for this process.
func TestRsyncEnvironment(t *testing.T) {
	t.Setenv("RSYNC_PASSWORD", "secret")
	t.Setenv("NOTIFY_SOCKET", "/run/notify")
	t.Setenv("RSYNC_RSH", "ssh -x")
	env := "\n" + strings.Join(rsyncEnvironment(), "\n") + "\n"
	for kv, wanted := range map[string]bool{"RSYNC_PASSWORD=secret": true, "RSYNC_RSH=ssh -x": true, "NOTIFY_SOCKET=/run/notify": false} {
		if strings.Contains(env, "\n"+kv+"\n") != wanted {
			t.Errorf("%s: wanted %v in %s", kv, wanted, env)
		}
	}
	if left, ok := os.LookupEnv("RSYNC_PASSWORD"); ok {
		t.Errorf("other children get the password, too: %q", left)
	}
}
