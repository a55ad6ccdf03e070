package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statusclient"
	"github.com/sersync/sersync/pkg/tail"
)

// logLines is how many lines --log prints.
const logLines = 100

// logPlace is where the log of an instance is.
type logPlace struct {
	file    string // to be read; empty: see command
	command string // prints the log where it is no file; empty: no command does
	where   string // where the log goes, for a message, when neither can read it
}

// showLog prints the end of the instance's log, and with --follow what is added.
func (p Program) showLog(opts cli.Options) int {
	ctx, stop := signals(nil)
	defer stop()
	place, err := p.findLog(ctx, opts)
	if err != nil {
		_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
		if errors.Is(err, statusclient.ErrNotRunning) {
			return int(status.NotRunning)
		}
		return 1
	}
	switch {
	case place.file != "":
		o := tail.Options{Lines: logLines, Follow: opts.Follow}
		if p.width() > 0 {
			o.Clean = harmless
		}
		if err := tail.Print(ctx, p.Stdout, place.file, o); err != nil {
			_, _ = fmt.Fprintln(p.Stderr, "sersync:", err)
			return 1
		}
		return 0
	case place.command != "":
		_, err := fmt.Fprintf(p.Stdout, [...]string{"the log is in the journal: %s\n", "日志在 journal 中：%s\n"}[p.language()], place.command)
		return exit(err)
	}
	_, _ = fmt.Fprintf(p.Stderr, "sersync: the log goes to %s, where it cannot be read from here; name a file in <log file=\"...\">, or start with -d\n", place.where)
	return 1
}

// findLog tells where the log is: what the configuration says, and without that
// the standard error of the process, or the file that a daemon has left.
func (p Program) findLog(ctx context.Context, opts cli.Options) (logPlace, error) {
	conf, err := confxml.Load(opts.Config)
	if err != nil {
		return logPlace{}, err
	}
	switch {
	case conf.Log.Format == logging.FormatJournal:
		return logPlace{command: "journalctl -t sersync -t sersync2"}, nil
	case conf.Log.File != "":
		return logPlace{file: conf.Log.File}, nil
	}
	socket, err := p.socket(opts)
	if err != nil {
		return logPlace{}, err
	}
	pid, err := statusclient.New(socket).Process(ctx)
	if err != nil {
		if left := leftLog(conf, opts); left != "" {
			return logPlace{file: left}, nil
		}
		return logPlace{}, err
	}
	return standardError(pid)
}

// leftLog is the file in which the log of a daemon that has ended is; empty when
// there is none.
func leftLog(conf confxml.Config, opts cli.Options) string {
	dir, _, err := instance.StateDir(conf.State.Dir)
	if err != nil || dir == "" {
		return ""
	}
	if path := instance.Output(dir, opts.Config, opts.Module); exists(path) {
		return path
	}
	return ""
}

// standardError is where the standard error of the process leads.
func standardError(pid int) (logPlace, error) {
	fd := fmt.Sprintf("/proc/%d/fd/2", pid)
	target, err := os.Readlink(fd)
	if err != nil {
		return logPlace{}, fmt.Errorf("find the log of process %d: %w", pid, err)
	}
	info, err := os.Stat(fd)
	switch {
	case err == nil && info.Mode().IsRegular() && exists(target):
		return logPlace{file: target}, nil
	case err == nil && info.Mode().IsRegular():
		return logPlace{file: fd}, nil // it was removed, or has its name in a container
	case strings.HasPrefix(target, "socket:") && inJournal(pid):
		return logPlace{command: fmt.Sprintf("journalctl _PID=%d", pid)}, nil
	}
	return logPlace{where: target}, nil
}

// inJournal tells whether the process was started with its output in the journal.
func inJournal(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00JOURNAL_STREAM="))
}

// harmless removes from a line of the log what would control a terminal.
func harmless(line string) string {
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
		return status.Printable(line)
	}
	return line
}
