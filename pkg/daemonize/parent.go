package daemonize

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is the environment variable that makes an execution the daemon half.
// Its value is "FD COMM": the report pipe and the process name to take.
const marker = "SERSYNC_DAEMON_CHILD"

// The report is one of these bytes, after reportFailed the text, then the end
// of the file. An end without a byte means that the child died.
const (
	reportReady  = 'R'
	reportFailed = 'F'
)

// maxReport bounds the text that the parent takes over from the child.
const maxReport = 64 << 10

// reportFD is the descriptor of the report pipe in the child: the first of
// exec.Cmd's ExtraFiles.
const reportFD = 3

// exitFailure is the parent's status when the child has none of its own.
const exitFailure = 1

// Start runs argv once more as a daemon and waits until it is ready. It
// returns the status with which the caller has to exit: 0 when the daemon
// works, the daemon's own status when it gave up, 1 when it was killed. What
// the daemon passed to Fail is written to stderr.
//
// SIGINT, SIGTERM and SIGHUP end a daemon that is not ready yet; a second one
// kills it. The status is then 128 plus the signal, as a shell would say.
func Start(argv []string, stderr io.Writer) int {
	signals := make(chan os.Signal, 2)
	notifyUnlessIgnored(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)

	cmd, pipe, err := launch(argv)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "sersync: start the daemon: %v; without -d it runs in the foreground\n", err)
		return exitFailure
	}
	report := make(chan []byte, 1)
	go func() {
		// An error here is an early end of the report, judged below.
		text, _ := io.ReadAll(io.LimitReader(pipe, maxReport))
		_ = pipe.Close()
		report <- text
	}()
	stopped := syscall.Signal(0)
	for {
		select {
		case text := <-report:
			return conclude(cmd, text, stopped, stderr)
		case s := <-signals:
			send := unix.SIGKILL
			if stopped == 0 {
				send = unix.SIGTERM
				stopped, _ = s.(syscall.Signal)
			}
			// It may have ended just now: then the report says so.
			_ = cmd.Process.Signal(send)
		}
	}
}

// notifyUnlessIgnored leaves alone what nohup or a background job ignores:
// Notify would bring such a signal back to life.
func notifyUnlessIgnored(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

func launch(argv []string) (*exec.Cmd, *os.File, error) {
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return nil, nil, fmt.Errorf("process name: %w; mount /proc", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	// /proc/self/exe is the running binary even after an upgrade has
	// replaced or removed the file.
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        argv,
		Env:         append(os.Environ(), fmt.Sprintf("%s=%d %s", marker, reportFD, strings.TrimSuffix(string(name), "\n"))),
		Stdout:      os.Stdout,
		Stderr:      os.Stderr,
		ExtraFiles:  []*os.File{w},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	// Without this the end of the child would not end the report.
	err = errors.Join(err, w.Close())
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return cmd, r, nil
}

// conclude turns the child's report into the parent's exit status.
func conclude(cmd *exec.Cmd, report []byte, stopped syscall.Signal, stderr io.Writer) int {
	if stopped == 0 && len(report) > 0 && report[0] == reportReady {
		_ = cmd.Process.Release()
		return 0
	}
	err := cmd.Wait()
	if stopped != 0 {
		return 128 + int(stopped)
	}
	if len(report) > 0 && report[0] == reportFailed {
		_, _ = fmt.Fprintf(stderr, "%s\n", strings.TrimSuffix(string(report[1:]), "\n"))
	} else {
		_, _ = fmt.Fprintf(stderr, "sersync: the daemon ended before it was ready (%v); run it without -d to see why\n", cmd.ProcessState)
	}
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() > 0 {
		return status.ExitCode()
	}
	return exitFailure
}
