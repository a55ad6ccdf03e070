package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/setup"
)

// initialise is --init: it writes a first configuration with its password file, says what the other
// side needs, and tries it. No existing file is overwritten unless the user has agreed.
func (p Program) initialise(opts cli.Options) int {
	file, err := filepath.Abs(opts.Config)
	if err != nil {
		return p.fail(nil, err)
	}
	asker := &setup.Asker{In: os.Stdin, Out: p.Stdout, Chinese: cli.Chinese(p.Getenv)}
	old := ""
	if exists(file) {
		old = file + ".old"
		if !asker.Replace(file, old) {
			return p.fail(nil, fmt.Errorf("--init: %s exists and stays as it is; move it away, or name another file with -o", file))
		}
	}
	site, err := asker.Site(setup.Given(opts.Setup), filepath.Join(filepath.Dir(file), "rsync.pas"))
	if errors.Is(err, setup.ErrNoAnswer) {
		return p.fail(nil, errors.New("--init: there is no terminal to ask at; give --dir DIR and --target HOST::MODULE, and --user USER if the module has one"))
	}
	if err != nil {
		return p.fail(nil, fmt.Errorf("--init: %w", err))
	}
	password, err := p.putDown(asker, site, file, old)
	if err != nil {
		return p.fail(nil, fmt.Errorf("--init: %w", err))
	}
	p.say("\n%s\n", site.OtherSide(asker.Chinese, password, site.From()))
	p.say("sersync --check --connect -o %s\n", file)
	opts.Action, opts.Connect, opts.Config = cli.Check, true, file
	status := p.check(opts)
	if status == 0 {
		p.say("\n%s: sersync -d -r -o %s\n", setup.Start(asker.Chinese), file)
	} else {
		p.say("\n%s: sersync --check --connect -o %s\n", setup.Again(asker.Chinese), file)
	}
	return status
}

func (p Program) say(format string, args ...any) { _, _ = fmt.Fprintf(p.Stdout, format, args...) }

// putDown writes the password file and the configuration. A file that exists already is renamed to
// old, unless old is empty. putDown returns the password if it has made a new one.
func (p Program) putDown(asker *setup.Asker, site setup.Site, file, old string) (password string, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // where users look for the configuration
		return "", err
	}
	wrote := func(name, mode string) { p.say("%s\n", setup.Wrote(asker.Chinese, name, mode)) }
	if site.NeedsPassword() && !exists(site.PasswordFile) {
		password = p.password(asker, site.User)
		if err := safefile.WriteAtomic(site.PasswordFile, []byte(password+"\n"), 0o600); err != nil {
			return "", err
		}
		wrote(site.PasswordFile, "600")
	}
	if old != "" {
		if err := os.Rename(file, old); err != nil {
			return "", err
		}
	}
	if err := safefile.WriteAtomic(file, []byte(site.Config()), 0o644); err != nil {
		return "", err
	}
	wrote(file, "644")
	return password, nil
}

// password takes the password from the environment, asks for it, or makes a new one.
func (p Program) password(asker *setup.Asker, user string) string {
	if password := p.Getenv(rsyncPassword); password != "" {
		return password
	}
	if password := asker.Password(user); password != "" {
		return password
	}
	return rand.Text()
}
