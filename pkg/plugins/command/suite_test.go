package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/command"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func element(attributes ...string) confxml.Plugin {
	conf := confxml.Plugin{Name: "command", Line: 10, Attributes: map[string]confxml.Attribute{}}
	for _, a := range attributes {
		key, value, _ := strings.Cut(a, "=")
		conf.Attributes["param/"+key] = confxml.Attribute{Value: value, Line: 12}
	}
	return conf
}

// script is a receiver: it notes each path and the content of the file there, each followed by NUL.
// The file "mode" beside it says how it behaves.
const script = `#!/bin/sh
dir=${0%/*}
read -r mode <"$dir/mode"
note() {
	state=
	[ ! -f "$1" ] || read -r state <"$1" || :
	printf "$2"'\0%s\0' "$1" "$state" >>"$dir/log"
}
case $mode in
fail) exit 1 ;;
hang) exec sleep 1000 ;;
slow) sleep 0.01 ;;
halfclose) exec >&- 2>&- ;;
esac
if [ "$1" = -stdin ]; then
	while IFS= read -r path; do note "$path" %b; done
else
	for path; do note "$path" %s; done
fi
case $mode in
garbage) head -c 100000 /dev/urandom ;;
flood) exec yes ;;
esac
`

// peer is the test's side of the script.
type peer struct {
	t   *testing.T
	dir string
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, dir: t.TempDir()}
	if err := os.WriteFile(p.script(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Behave(plugintest.Serve)
	return p
}

func (p *peer) script() string { return filepath.Join(p.dir, "receiver") }

func (p *peer) Behave(b plugintest.Behaviour) {
	var err error
	if b == plugintest.Refuse {
		err = os.Rename(p.script(), p.script()+".off")
	} else if _, gone := os.Stat(p.script()); gone != nil {
		err = os.Rename(p.script()+".off", p.script())
	}
	if err != nil {
		p.t.Fatal(err)
	}
	next := filepath.Join(p.dir, ".mode")
	if err := os.WriteFile(next, []byte(b.String()+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(p.dir, "mode")); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) Receipts() []plugintest.Receipt {
	data, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return nil
	}
	fields := strings.Split(string(data), "\x00")
	var all []plugintest.Receipt
	for i := 0; i+1 < len(fields); i += 2 {
		all = append(all, plugintest.Receipt{Path: fields[i], State: fields[i+1]})
	}
	return all
}

func subject(words string, attributes ...string) plugintest.Subject {
	return plugintest.Subject{New: func(t *testing.T, _ string) (plugins.Plugin, plugintest.Peer) {
		p := newPeer(t)
		all := append([]string{"prefix='" + p.script() + "'" + words, "retry=true", "timeout=300ms"}, attributes...)
		plugin, err := command.New(element(all...), plugins.Deps{Dir: t.TempDir(), Stdout: &sink{}, Stderr: &sink{}})
		if err != nil {
			t.Fatal(err)
		}
		return plugin, p
	}}
}

// sink discards its output.
type sink struct{}

func (*sink) Write(b []byte) (int, error) { return len(b), nil }

func TestSuiteEach(t *testing.T) {
	s := subject("", "ignoreerror=true")
	s.Changes = 300
	if testing.Short() {
		s.Events = 1000
	}
	plugintest.Run(t, s)
}

func TestSuiteArgs(t *testing.T) { plugintest.Run(t, subject("", "paths=args", "concurrency=2")) }

func TestSuiteStdin(t *testing.T) {
	plugintest.Run(t, subject(" -stdin", "paths=stdin", "separator=newline", "batch=256", "concurrency=2"))
}
