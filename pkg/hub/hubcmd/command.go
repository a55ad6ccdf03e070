// Package hubcmd is the command line of sersync-hub.
package hubcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/hub"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

const usage = `sersync-hub keeps the streams through which a sersync reaches many edges.

  sersync-hub [run] [options]        serve until a signal ends it
  sersync-hub add-edge NAME TREE...  let an edge follow trees; prints what the edge needs
  sersync-hub remove-edge NAME       cut an edge off
  sersync-hub list                   edges, their trees, and what they report
  sersync-hub release TREE           let another source publish a tree

Options:
`

// DefaultDir is where a hub keeps everything unless it is told otherwise.
const DefaultDir = "/var/lib/sersync-hub"

// The exit statuses.
const (
	exitDone  = 0
	exitFails = 1
	exitUsage = 2
)

type command struct {
	out, errOut io.Writer
	dir, listen string
	metrics     string
	names       []string
	maxStore    int64
}

// Main carries out a command line and returns the exit status.
func Main(args []string, out, errOut io.Writer) int {
	c := command{out: out, errOut: errOut}
	flags := pflag.NewFlagSet("sersync-hub", pflag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&c.dir, "dir", DefaultDir, "the hub's directory: keys, roster and streams")
	flags.StringVar(&c.listen, "listen", hub.DefaultListen, "ADDR:PORT to listen on")
	flags.StringArrayVar(&c.names, "name", nil, "a host name or address under which edges reach the hub; any number")
	flags.StringVar(&c.metrics, "metrics", "127.0.0.1:8010", "ADDR:PORT of /metrics and /healthz; empty: none")
	flags.Int64Var(&c.maxStore, "max-store", 0, "MiB that all streams may take together; 0: three quarters of what is free on the disk")
	version := flags.Bool("version", false, "show the version and end")
	flags.Usage = func() { fmt.Fprint(errOut, usage, flags.FlagUsages()) }
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintf(errOut, "sersync-hub: %v; see sersync-hub --help\n", err)
		return exitUsage
	}
	if *version {
		fmt.Fprintln(out, strings.Replace(cli.VersionLine(), "sersync ", "sersync-hub ", 1))
		return exitDone
	}
	verb, rest := "run", flags.Args()
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	err := c.become()
	if err == nil {
		err = c.do(verb, rest)
	}
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(errOut, "sersync-hub: %v; see sersync-hub --help\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(errOut, "sersync-hub: %v\n", err)
		return exitFails
	}
	return exitDone
}

// become has a command that root runs act as the user who owns the hub's directory: what it writes
// there must belong to that user, and root must not follow links that this user may have put there.
func (c *command) become() error {
	info, err := os.Stat(c.dir)
	if err != nil || os.Geteuid() != 0 {
		return nil //nolint:nilerr // the directory is made, or reported as missing, later
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	// A directory of DynamicUser= is below one that only root may enter, so it is entered as root.
	err = os.Chdir(c.dir)
	if err == nil {
		err = syscall.Setgroups(nil)
	}
	if err == nil {
		err = syscall.Setgid(int(owner.Gid))
	}
	if err == nil {
		err = syscall.Setuid(int(owner.Uid))
	}
	if err != nil {
		return fmt.Errorf("act as user %d, who owns %s: %w; run it as that user", owner.Uid, c.dir, err)
	}
	if _, err := os.Stat(c.dir); errors.Is(err, fs.ErrPermission) {
		c.dir = "."
	}
	return nil
}

var errUsage = errors.New("the command line cannot be understood")

func (c *command) do(verb string, args []string) error {
	want := map[string]func(int) bool{
		"run": func(n int) bool { return n == 0 }, "add-edge": func(n int) bool { return n >= 2 }, "remove-edge": func(n int) bool { return n == 1 },
		"list": func(n int) bool { return n == 0 }, "release": func(n int) bool { return n == 1 },
	}[verb]
	if want == nil || !want(len(args)) {
		return fmt.Errorf("%q: %w", strings.Join(append([]string{verb}, args...), " "), errUsage)
	}
	switch verb {
	case "add-edge":
		return c.addEdge(args[0], args[1:])
	case "remove-edge":
		return c.removeEdge(args[0])
	case "list":
		return c.list()
	case "release":
		return c.release(args[0])
	default:
		return c.run()
	}
}

func (c *command) run() error {
	conf := zap.NewProductionConfig()
	conf.DisableStacktrace = true // anybody who connects could fill the log with them
	conf.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	log, err := conf.Build()
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	h, err := hub.New(hub.Options{Dir: c.dir, Listen: c.listen, Names: c.names, MaxStore: c.maxStore << 20, Tidy: c.tidy, Logger: log})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	page, err := servePage(ctx, c.metrics, h)
	if err != nil {
		return err
	}
	defer page()
	return h.Run(ctx, func(addr string) {
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReady) // an error does not matter: without systemd nobody listens
		fmt.Fprintf(c.out, "sersync-hub listens on %s; the source's key is %s\n", addr, filepath.Join(c.dir, identity.SourceKey))
		_ = os.WriteFile(c.addrFile(), []byte(strings.Join(append([]string{addr}, c.names...), "\n")+"\n"), 0o600) // for commands beside it
	})
}

// addrFile is the file with the address on which the hub listens, and the names under which it is
// reached.
func (c *command) addrFile() string { return filepath.Join(c.dir, "address") }

// reached is what the address file says.
func (c *command) reached() (addr string, names []string, err error) {
	data, err := os.ReadFile(c.addrFile())
	if err != nil {
		return "", nil, fmt.Errorf("the hub of %s does not seem to run: %w", c.dir, err)
	}
	lines := strings.Fields(string(data))
	if len(lines) == 0 {
		return "", nil, fmt.Errorf("%s is empty; start the hub", c.addrFile())
	}
	return lines[0], lines[1:], nil
}

// url is the address at which edges reach the hub: with its first name, or else with the address on
// which it listens.
func (c *command) url() string {
	addr, names := c.listen, c.names
	if at, known, err := c.reached(); err == nil {
		addr = at
		if len(names) == 0 {
			names = known
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "nats://" + addr
	}
	switch ip := net.ParseIP(host); {
	case len(names) > 0:
		host = names[0]
	case host == "" || ip != nil && ip.IsUnspecified():
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return "nats://" + net.JoinHostPort(host, port)
}

func (c *command) addEdge(name string, trees []string) error {
	for _, n := range append([]string{name}, trees...) {
		if err := stream.CheckName(n); err != nil {
			return fmt.Errorf("add-edge: %w", err)
		}
	}
	ca, err := os.ReadFile(filepath.Join(c.dir, identity.CA))
	if err != nil {
		return fmt.Errorf("add-edge: %w; start the hub once before, or name its directory with --dir", err)
	}
	seed, public, err := identity.NewKey()
	if err != nil {
		return err
	}
	replaced := false
	err = roster.Change(c.dir, func(r *roster.Roster) error {
		replaced = slices.ContainsFunc(r.Edges, func(e roster.Edge) bool { return e.Name == name })
		r.Put(roster.Edge{Name: name, Key: public, Trees: trees, Since: time.Now().UTC().Truncate(time.Second)})
		return nil
	})
	if err != nil {
		return err
	}
	if replaced {
		fmt.Fprintf(c.errOut, "edge %s had a key before, which is no longer accepted\n", name)
	}
	fmt.Fprintf(c.out, `# Edge %s may follow: %s. The hub does not keep the key.
# address
%s
# key: put this line into a file that only the edge's user can read (mode 0600)
%s
# ca: put these lines into a file
%s`, name, strings.Join(trees, " "), c.url(), seed, ca)
	return nil
}

// removeEdge has the hub cut an edge off, and delete its reports, so that nobody goes on looking
// for the edge.
func (c *command) removeEdge(name string) error {
	return roster.Change(c.dir, func(r *roster.Roster) error { return r.Remove(name) })
}

// tidy removes the reports of all but these edges from the hub of this process.
func (c *command) tidy(ctx context.Context, edges []string) error {
	desk, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer desk.Close()
	return desk.Keep(ctx, edges)
}

// connect connects to the running hub with the administrator's key.
func (c *command) connect(ctx context.Context) (*publish.Desk, error) {
	addr, _, err := c.reached()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.addrFile(), err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return publish.OpenDesk(ctx, dial.Way{
		URL: "nats://" + net.JoinHostPort(host, port), Creds: filepath.Join(c.dir, identity.AdminKey), CA: filepath.Join(c.dir, identity.CA), Client: "sersync-hub",
	})
}

const askFor = 10 * time.Second

func (c *command) list() error {
	r, err := roster.Read(c.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	reports := map[string]publish.Edge{}
	desk, err := c.connect(ctx)
	if err == nil {
		defer desk.Close()
		reports, err = desk.Reports(ctx)
	}
	if err != nil {
		fmt.Fprintf(c.errOut, "cannot ask what edges report: %v\n", err)
	}
	fmt.Fprintf(c.out, "%-24s %-16s %12s %8s %8s %s\n", "EDGE", "TREE", "SEQUENCE", "DIRTY", "FAILS", "LAST REPORT")
	for _, e := range r.Edges {
		for _, tree := range e.Trees {
			said, ok := reports[e.Name+"."+tree]
			when := "never"
			if ok {
				when = said.Heard.Local().Format(time.DateTime)
			}
			fmt.Fprintf(c.out, "%-24s %-16s %12d %8d %8d %s\n", e.Name, tree, said.Sequence, said.Dirty, said.Failures, when)
		}
	}
	return nil
}

func (c *command) release(tree string) error {
	if err := stream.CheckName(tree); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	desk, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer desk.Close()
	return desk.Release(ctx, tree)
}
