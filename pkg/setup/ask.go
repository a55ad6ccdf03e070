package setup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Asker asks a person for what is missing on the command line.
type Asker struct {
	In      *os.File
	Out     io.Writer
	Chinese bool

	lines *bufio.Reader
}

// ErrNoAnswer says that there is nobody to ask: standard input is no terminal, or has
// ended.
var ErrNoAnswer = errors.New("nobody answers")

// CheckDir returns a directory to mirror as an absolute path.
func CheckDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("directory %q: %w", dir, err)
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w; create the directory, or name another one", err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is no directory; name one", abs)
	}
	return abs, nil
}

// Given is what the command line says; a field is empty where it says nothing.
type Given struct{ Dir, Target, User, PasswordFile string }

// Site is the site that given describes. It asks for what is missing, again while the answer cannot
// be used. defaultFile is where the password goes if nobody names another file.
func (a *Asker) Site(given Given, defaultFile string) (Site, error) {
	var s Site
	err := a.one(given.Dir, askDir.in(a.Chinese), func(text string) (err error) {
		s.Dir, err = CheckDir(text)
		return err
	})
	if err == nil {
		err = a.one(given.Target, askTarget.in(a.Chinese), s.Target)
	}
	if err != nil {
		return s, err
	}
	if given.User != "" {
		err = s.SetUser(given.User)
	} else if s.User == "" && a.somebody() {
		question := askUser
		if s.SSH {
			question = askSSHUser
		}
		err = a.again(question.in(a.Chinese), s.SetUser)
	}
	if err == nil && s.NeedsPassword() {
		file := given.PasswordFile
		if file == "" {
			file = defaultFile
		}
		err = s.SetPasswordFile(file)
	}
	return s, err
}

// one uses what was given, or asks.
func (a *Asker) one(given, question string, use func(string) error) error {
	if given != "" {
		return use(given)
	}
	return a.again(question, func(text string) error {
		if text == "" {
			return errors.New("it is needed")
		}
		return use(text)
	})
}

// again asks until the answer can be used.
func (a *Asker) again(question string, use func(string) error) error {
	for {
		text, err := a.line(question)
		if err != nil {
			return err
		}
		if err = use(text); err == nil {
			return nil
		}
		_, _ = fmt.Fprintln(a.Out, err)
	}
}

// somebody tells whether a person sits at the terminal.
func (a *Asker) somebody() bool {
	_, err := unix.IoctlGetTermios(int(a.In.Fd()), unix.TCGETS)
	return err == nil
}

// line asks one question.
func (a *Asker) line(question string) (string, error) {
	if !a.somebody() {
		return "", ErrNoAnswer
	}
	_, _ = fmt.Fprint(a.Out, question+": ")
	if a.lines == nil {
		a.lines = bufio.NewReader(a.In)
	}
	text, err := a.lines.ReadString('\n')
	if err != nil {
		return "", ErrNoAnswer
	}
	return strings.TrimSpace(text), nil
}

// Replace asks whether an existing file may be replaced; its old version is then kept under the
// name old.
func (a *Asker) Replace(file, old string) bool {
	text, err := a.line(askReplace.in(a.Chinese, file, old))
	return err == nil && (strings.EqualFold(text, "y") || strings.EqualFold(text, "yes"))
}

// Password asks for a user's password without showing it; empty when there is nobody to
// ask, or none is given.
func (a *Asker) Password(user string) string {
	fd := int(a.In.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return ""
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) == nil {
		defer func() {
			_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
			_, _ = fmt.Fprintln(a.Out)
		}()
	}
	text, err := a.line(askPassword.in(a.Chinese, user))
	if err != nil {
		return ""
	}
	return text
}
