package lanestate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	rootStateDir   = "/var/lib/sersync"
	rootRuntimeDir = "/run/sersync"
)

// Dirs are the directories in which state may be kept, all absolute. wanted is the one that is
// configured, or without that /var/lib/sersync for root and the user's state directory for others
// (XDG Base Directory Specification); it is empty for a user without a home. others do not survive
// a reboot; they are used when the wanted one cannot be written to.
func Dirs(configured string) (wanted string, others []string, err error) {
	if configured != "" {
		if wanted, err = filepath.Abs(configured); err != nil {
			return "", nil, fmt.Errorf("state directory: %w", err)
		}
	} else {
		wanted = defaultDir()
	}
	if os.Geteuid() == 0 {
		others = append(others, rootRuntimeDir)
	} else if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		others = append(others, filepath.Join(dir, "sersync"))
	}
	if temp := os.TempDir(); filepath.IsAbs(temp) {
		others = append(others, filepath.Join(temp, "sersync-"+strconv.Itoa(os.Geteuid())))
	}
	return wanted, others, nil
}

// defaultDir is empty for a user without a home.
func defaultDir() string {
	if os.Geteuid() == 0 {
		return rootStateDir
	}
	return userStateDir()
}

func userStateDir() string {
	// The specification says that a relative value is to be ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sersync")
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state", "sersync")
}

// ErrNoHome is why a user has no state directory of his own.
var ErrNoHome = errors.New("this user has no home directory: neither HOME nor XDG_STATE_HOME is set")

// CheckDir creates the directory, if it is missing, with mode 0700 and
// tells why it cannot hold state: others may write to it
// (safefile.ErrUntrusted), or we may not.
func CheckDir(dir string) error {
	if dir == "" {
		return ErrNoHome
	}
	if err := prepareDir(dir); err != nil {
		return err
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "write to state directory", Path: dir, Err: err}
	}
	return nil
}
