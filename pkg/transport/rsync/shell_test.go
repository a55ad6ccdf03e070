package rsync

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

// An rsync daemon that the user's own remote shell starts (-e ssh HOST::MODULE) is reached without
// a socket of rsync's, so it refuses the options for one.
func TestDaemonBehindARemoteShell(t *testing.T) {
	src, dst, dir := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, os.WriteFile(src+"/f", []byte("x"), 0o600))
	conf := fmt.Sprintf("use chroot=no\nuid=%d\ngid=%d\n[m]\npath=%s\nread only=no\n", os.Geteuid(), os.Getegid(), dst)
	must(t, os.WriteFile(dir+"/rsyncd.conf", []byte(conf), 0o600))
	shell := filepath.Join(dir, "shell")
	must(t, os.WriteFile(shell, []byte("#!/bin/sh\nexec rsync --server --daemon --config="+dir+"/rsyncd.conf .\n"), 0o700))
	target := Target{Host: "anywhere", Name: "m", Params: params(t, "-rlt -e "+shell)}
	if got := run(t, src, Run{Batch: transport.Batch{Kind: transport.Send}, Target: target}, []string{"f"}); got.Exit != 0 {
		t.Fatalf("exit %d: %s", got.Exit, got.Stderr)
	}
	if _, err := os.Stat(dst + "/f"); err != nil {
		t.Error(err)
	}
}
