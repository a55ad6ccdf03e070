// Package instance says where one running sersync keeps what belongs to it alone:
// its state directory, its status socket, and the file that its output goes to.
// The running program and the command that looks for it find the same places.
package instance

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/safefile"
)

// StateRemedy is what a person does when no directory can hold the state.
const StateRemedy = `name a directory that this user can write to in <state dir="...">`

// StateDir is the first directory that can hold the state; empty when none can. configured is what
// <state dir> says, empty without it. why says what is wrong with the preferred directory; it is
// nil if that one is chosen. The error is for a configured directory that others may write to.
func StateDir(configured string) (dir string, why, err error) {
	wanted, others, err := lanestate.Dirs(configured)
	if err != nil {
		return "", nil, err
	}
	if why = lanestate.CheckDir(wanted); why == nil {
		return wanted, nil, nil
	}
	if configured != "" && errors.Is(why, safefile.ErrUntrusted) {
		return "", nil, why
	}
	for _, dir := range others {
		if lanestate.CheckDir(dir) == nil {
			return dir, why, nil
		}
	}
	return "", why, nil
}

// Socket is where the instance of a configuration file answers; module names the
// plugin that runs alone beside it, empty for the sync.
func Socket(stateDir, file, module string) string {
	return filepath.Join(stateDir, "status-"+name(file, module)+".sock")
}

// Output is the file to which a daemon writes once it has closed its caller's output.
func Output(stateDir, file, module string) string {
	return filepath.Join(stateDir, "output-"+name(file, module)+".log")
}

// Notified is where a <notify> of that name keeps what it has told, and what it has not
// delivered yet.
func Notified(stateDir, file, notifier string) string {
	sum := sha256.Sum256([]byte(notifier))
	return filepath.Join(stateDir, "notify-"+name(file, "")+"-"+hex.EncodeToString(sum[:4])+".json")
}

// FindSocket looks for the socket of an instance that may have had to keep its
// state elsewhere than configured. A socket in a directory that others may write
// to could be theirs and is passed over. Without any socket it is the one that the
// instance would have.
func FindSocket(configured, file, module string) (string, error) {
	wanted, others, err := lanestate.Dirs(configured)
	if err != nil {
		return "", err
	}
	if wanted != "" {
		others = slices.Insert(others, 0, wanted)
	}
	for _, dir := range others {
		path := Socket(dir, file, module)
		if _, err := os.Lstat(path); err == nil && (dir == wanted || safefile.CheckDir(dir) == nil) {
			return path, nil
		}
	}
	if len(others) == 0 {
		return "", fmt.Errorf("%w; name a directory in <state dir=\"...\"/>", lanestate.ErrNoHome)
	}
	return Socket(others[0], file, module), nil
}

// name is the part of a file name that tells the instances apart which keep their
// state in one directory.
func name(file, module string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	sum := sha256.Sum256([]byte(abs))
	name := hex.EncodeToString(sum[:6])
	if module != "" {
		name += "-" + module
	}
	return name
}
