package preflight

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestSSH tries a real sshd: its host key, the user's key, and the rsync on its host.
func TestSSH(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	config, err := os.ReadFile(s.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range testkit.Few([]struct {
		name, params string
		spoil        func(t *testing.T, dir string) // damages something
		place        string                         // the directory of the target, below dir
		topic        Topic
		verdict      Verdict
		says         string
	}{
		{name: "sound"},
		{name: "unknown host key", spoil: write(filepath.Join(s.Dir, "known_hosts"), ""), topic: TopicHostKey, verdict: Wrong, says: "add its key to known_hosts"},
		{name: "refused key", spoil: write(filepath.Join(s.Dir, "authorized_keys"), ""), topic: TopicKey, verdict: Wrong, says: "authorized_keys of 127.0.0.1"},
		{name: "no rsync", params: "-a --rsync-path=/nonexistent/rsync", topic: TopicRelease, verdict: Wrong, says: "install /nonexistent/rsync on 127.0.0.1"},
		{name: "a key for rsync alone", spoil: forced(s.Dir), topic: TopicRelease, verdict: Remark, says: "does not tell its version"},
		{name: "last directory missing", place: "new", topic: TopicDirectory, verdict: Doubt, says: "the first run makes it"},
		{name: "directories missing", place: "new/deep", topic: TopicDirectory, verdict: Wrong, says: "create it on 127.0.0.1"},
		{name: "a file", place: "file", topic: TopicDirectory, verdict: Wrong, says: "is a file"},
		{name: "nothing listens", spoil: write(s.ClientConfig, string(config)+"\n"), topic: TopicPort, verdict: Wrong, says: "start sshd on 127.0.0.1"},
	}, 3) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, dir)
			}
			if c.name == "nothing listens" {
				s.Stop()
			}
			if c.params == "" {
				c.params = "-artuz"
			}
			target := aim(t, 0, filepath.Join(dir, c.place), c.params)
			target.SSH = true
			judge(t, tryAll(t, t.Context(), target), c.topic, c.topic, c.verdict, c.says, "")
			untouched(t, dir, "file")
		})
	}
}

// write returns a function that replaces a file for the time of a test.
func write(file, text string) func(*testing.T, string) {
	return func(t *testing.T, _ string) {
		t.Helper()
		before, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.WriteFile(file, before, 0o600) })
	}
}

// forced returns a function that allows the key to run only rsync.
func forced(dir string) func(*testing.T, string) {
	return func(t *testing.T, place string) {
		t.Helper()
		key, err := os.ReadFile(filepath.Join(dir, "client_key.pub"))
		if err != nil {
			t.Fatal(err)
		}
		const only = `command="case \"$SSH_ORIGINAL_COMMAND\" in 'rsync --server'*) exec $SSH_ORIGINAL_COMMAND;; *) echo refused >&2; exit 1;; esac" `
		write(filepath.Join(dir, "authorized_keys"), only+string(key))(t, place)
	}
}
