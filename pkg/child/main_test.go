package child

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// helperEnv makes the test binary a parent that the test kills; its value is the script of the
// parent's child.
const helperEnv = "RSYNC_TEST_PARENT"

// plainEnv makes the test binary a program that starts one enclosed child and prints what the child
// writes.
const plainEnv = "RSYNC_TEST_PLAIN"

// listEnv is the length of the list that the parent gives to its child; 0: there is no list.
const listEnv = "RSYNC_TEST_LIST"

func TestMain(m *testing.M) {
	if script := os.Getenv(helperEnv); script != "" {
		parent(script)
	}
	if os.Getenv(plainEnv) != "" {
		runEnclosed()
	}
	goleak.VerifyTestMain(m)
}

// runEnclosed starts an enclosed child, and prints what the child has written.
func runEnclosed() {
	l := NewLauncher([]string{"PATH=/usr/bin:/bin"}, nil)
	go l.Run(context.Background())
	c := Command{Program: "/bin/sh", Args: []string{"-c", "cat; echo pid $$"}, Dir: ".", Enclosed: true, Stdin: []byte("a list\n")}
	c.Line = func(line []byte) { fmt.Printf("%s\n", line) }
	p, err := l.Start(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(p.Wait().Exit)
}

// parent starts a child that would never end, prints the child's pid, and hangs.
func parent(script string) {
	l := NewLauncher([]string{"PATH=/usr/bin:/bin"}, nil)
	go l.Run(context.Background())
	c := Command{Program: "/bin/sh", Args: []string{"-c", script}, Dir: ".", Enclosed: true}
	if n, _ := strconv.Atoi(os.Getenv(listEnv)); n > 0 {
		c.Stdin = make([]byte, n)
	}
	p, err := l.Start(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	p.Wait()
	os.Exit(0)
}

// launcher starts a launcher that runs until the test ends.
func launcher(t *testing.T, env ...string) *Launcher {
	t.Helper()
	return serve(t, NewLauncher(append([]string{"PATH=" + os.Getenv("PATH")}, env...), nil))
}

func serve(t *testing.T, l *Launcher) *Launcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
