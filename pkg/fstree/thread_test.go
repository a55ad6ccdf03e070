package fstree

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// TestChdirStandsInEachDirectory: where Here is set "." is the directory that has been entered.
// Each directory is entered once. After the walk no thread of the program stands in the tree,
// because that would keep the tree from being unmounted.
func TestChdirStandsInEachDirectory(t *testing.T) {
	root := t.TempDir()
	for i := range 40 {
		for j := range 40 {
			mkdir(t, root, fmt.Sprint(i), fmt.Sprint(j))
		}
	}
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var entered, here atomic.Int64
	err = Walk(context.Background(), openDir(t, root), "", WalkOptions{Chdir: true, Workers: 3, Enter: func(d *Dir) error {
		entered.Add(1)
		if !d.Here {
			return nil
		}
		here.Add(1)
		var dot, fd unix.Stat_t
		if err := unix.Stat(".", &dot); err != nil {
			t.Errorf("%s: %v", d.Rel(), err)
		}
		if err := unix.Fstat(d.FD, &fd); err != nil {
			t.Errorf("%s: %v", d.Rel(), err)
		}
		if dot.Ino != fd.Ino || dot.Dev != fd.Dev {
			t.Errorf("%s: . is another directory", d.Rel())
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := entered.Load(); got != 1+40+40*40 {
		t.Errorf("%d directories entered, want %d", got, 1+40+40*40)
	}
	if here.Load() < 1000 {
		t.Errorf("the walk stood in %d directories, want nearly all", here.Load())
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("the working directory became %q (%v), was %q", after, err, before)
	}
	// The kernel ends threads some time later.
	testkit.Eventually(t, 10*time.Second, "no thread stands in the tree", func() bool { return !standsIn(t, root) })
}

// standsIn tells whether a thread has its working directory below root.
func standsIn(t *testing.T, root string) bool {
	t.Helper()
	links, err := filepath.Glob("/proc/self/task/*/cwd")
	if err != nil || len(links) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, root) {
			return true
		}
	}
	return false
}

// TestOnOwnThreadLeavesTheMainThread: others take the directory of the main thread for that of the
// program, and the main thread never ends. So the main thread gets no working directory of its own.
func TestOnOwnThreadLeavesTheMainThread(t *testing.T) {
	for range 50 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			onOwnThread(func(own bool) {
				if own && unix.Gettid() == unix.Getpid() {
					t.Error("the main thread got a working directory of its own")
				}
			})
		}()
		<-done
	}
}
