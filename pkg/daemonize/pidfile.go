package daemonize

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	pidFileMode = 0o644
	maxPIDFile  = 64 // bytes; a pid has at most seven digits
)

// PIDFile is a pid file written by this process.
type PIDFile struct {
	path string
	text string
}

// RunningError says which process the pid file names.
type RunningError struct {
	Path string
	PID  int
}

// Error names the process and the remedy.
func (e *RunningError) Error() string {
	return fmt.Sprintf("pid file %q: sersync runs as process %d; stop it, or give this instance another --pid-file", e.Path, e.PID)
}

// WritePIDFile writes our pid to path, for others to read. A file that names
// a dead process, or a living one that is not this program, is stale and is
// replaced; a running instance is a *RunningError. Symbolic links
// and directories in which others could exchange the file are refused
// (package safefile).
func WritePIDFile(path string) (*PIDFile, error) {
	old, err := readPID(path)
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	if old != 0 && old != os.Getpid() && sameProgram(old) {
		return nil, &RunningError{Path: path, PID: old}
	}
	p := &PIDFile{path: path, text: strconv.Itoa(os.Getpid()) + "\n"}
	if err := safefile.WriteAtomic(path, []byte(p.text), pidFileMode); err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	return p, nil
}

// Remove removes the file unless another process has replaced it meanwhile.
func (p *PIDFile) Remove() error {
	data, err := safefile.ReadTrusted(p.path, maxPIDFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove pid file: %w", err)
	}
	if string(data) != p.text {
		return nil
	}
	return safefile.Remove(p.path)
}

// readPID gives 0 for a missing file and for one without a pid.
func readPID(path string) (int, error) {
	data, err := safefile.ReadTrusted(path, maxPIDFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, safefile.ErrTooLarge) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid < 0 {
		return 0, nil
	}
	return pid, nil
}

// sameProgram tells a running instance from another process that has got the pid since: it has our
// name, or runs our binary under another name (sersync and sersync2). A process about which nothing
// can be read counts as an instance.
func sameProgram(pid int) bool {
	proc := fmt.Sprintf("/proc/%d/", pid)
	if _, err := os.Readlink(proc + "exe"); errors.Is(err, fs.ErrNotExist) {
		return false // gone, or a zombie that nobody reaps (a container without init)
	}
	theirs, err := os.ReadFile(proc + "comm")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	ours, err := os.ReadFile("/proc/self/comm")
	if err != nil || string(theirs) == string(ours) {
		return true
	}
	their, err1 := os.Stat(proc + "exe")
	our, err2 := os.Stat("/proc/self/exe")
	return err1 == nil && err2 == nil && os.SameFile(their, our)
}
