package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Puller runs rsync for one tree. It is safe for concurrent use.
type Puller struct {
	Launcher  *child.Launcher
	Program   string // rsync
	Dir       string // the tree's directory
	Upstreams []edgexml.Upstream
	Options   Options
	// Announced tells which generation a mirror has announced.
	Announced func(mirror string) (uint64, bool)
}

// Change is one path that a run has changed here.
type Change struct {
	Path string
	Dir  bool
}

// Result is the result of a run.
type Result struct {
	// Failed are the items that have not got their state; all others have.
	Failed []*backlog.Item
	// Err is why, for a person; nil when nothing has failed.
	Err     error
	Changed []Change
	From    string // the upstream that was asked last
}

// ErrNoUpstream says that none of the upstreams has what is needed yet.
var ErrNoUpstream = trouble.New("no mirror has announced to have the files yet, and no <upstream> is the source", "")

// ErrFull says that the disk of the tree's directory has no room.
var ErrFull = trouble.New("the disk of the directory is full", "make room there; the edge goes on by itself")

// silence is how long a run may move no data before it is ended; the sender may have a large tree
// to list.
const silence = 10 * time.Minute

// Pull fetches the items of one run, which come from backlog.Fetch.
func (p *Puller) Pull(ctx context.Context, items []*backlog.Item) Result {
	needs := uint64(0)
	for _, i := range items {
		needs = max(needs, i.Needs)
	}
	res := Result{Failed: items, Err: ErrNoUpstream}
	for _, u := range Eligible(p.Upstreams, needs, p.Announced) {
		next := p.pullFrom(ctx, u, items)
		next.Changed = append(res.Changed, next.Changed...)
		res = next
		if len(res.Failed) < len(items) || errors.Is(res.Err, ErrFull) || errors.Is(res.Err, fs.ErrPermission) || ctx.Err() != nil {
			break // another upstream would not help
		}
	}
	return res
}

func (p *Puller) pullFrom(ctx context.Context, u edgexml.Upstream, items []*backlog.Item) Result {
	res := Result{Failed: items, From: u.Name()}
	root, err := fstree.Open(p.Dir)
	if err != nil {
		res.Err = fmt.Errorf("fetch: %w", err)
		return res
	}
	defer root.Close()
	if err := unix.Mkdirat(root.FD(), Directory, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		res.Err = fmt.Errorf("fetch: make directory %s in %s: %w", Directory, p.Dir, err)
		if errors.Is(err, fs.ErrPermission) {
			res.Err = p.forbidden(res.Err)
		}
		return res
	}
	trees := items[0].Entry.State == change.Tree
	ended, err := p.run(ctx, u, root, pullArgs(u, p.Options, trees), names(items), func(line []byte) {
		c, ok := rsync.ParseChange(line)
		if ok && !c.Deleted && (c.New || !c.Dir) {
			res.Changed = append(res.Changed, Change{Path: c.Path, Dir: c.Dir})
		}
	})
	if err != nil {
		res.Err = err
		return res
	}
	switch ended.Exit {
	case 0:
		res.Failed = nil
	case 24: // something has vanished there meanwhile: a message will say so
		if trees {
			res.Failed = nil
			break
		}
		fallthrough
	case 23:
		if !trees {
			res.Failed = unlike(root, items)
		}
	}
	said := forbiddenHere(ended.Stderr)
	switch {
	case len(res.Failed) == 0:
	case full.MatchString(ended.Stderr):
		res.Err = fmt.Errorf("fetch into %s: %w", p.Dir, ErrFull)
	case said != "":
		res.Err = p.forbidden(fmt.Errorf("%s: %w", said, unix.EACCES))
	default:
		res.Err = problem(u, ended)
	}
	return res
}

// forbidden is a failure that is due to who may write where in the directory.
func (p *Puller) forbidden(err error) error {
	return trouble.From(err, fmt.Sprintf("something in the directory %s may not be written by the user of this edge", p.Dir), "let the user of this edge write there; the edge goes on by itself")
}

// full and denied match what the receiving rsync says when the disk is full, and when it may not
// write.
var (
	full   = regexp.MustCompile(`(?m)^rsync: (\[(receiver|generator)\] )?[^[].*(No space left on device|Disk quota exceeded)`)
	denied = regexp.MustCompile(`(?m)^rsync: (?:\[(?:receiver|generator)\] )?([^[].*): (?:Permission denied|Operation not permitted) \(\d+\)$`)
)

// forbiddenHere is the first thing that the receiving rsync may not do; "": it may do all.
func forbiddenHere(stderr string) string {
	for _, m := range denied.FindAllStringSubmatch(stderr, -1) {
		if !strings.Contains(m[1], `" (in `) { // a daemon names the module of its own files
			return m[1]
		}
	}
	return ""
}

// names is the list for rsync's standard input.
func names(items []*backlog.Item) []byte {
	var list []byte
	for _, i := range items {
		path := i.Path()
		if path == "" {
			path = "."
		}
		list = append(list, path...)
		list = append(list, 0)
	}
	return list
}

// unlike are the items whose files do not have the size and time of their entries.
func unlike(root *fstree.Root, items []*backlog.Item) (differ []*backlog.Item) {
	look := root.Looker()
	defer look.Close()
	for _, i := range items {
		f := look.Look(i.Path())
		if f.State != fstree.Present || !f.Regular() || f.Stat.Size != i.Entry.Size || f.Stat.Mtim.Nano() != i.Entry.ModTime {
			differ = append(differ, i)
		}
	}
	return differ
}

// Extras lists what only this edge has below a directory; the content of a directory comes before
// the directory itself. It asks the first upstream that answers, the source before the mirrors, and
// changes nothing.
func (p *Puller) Extras(ctx context.Context, dir string, needs uint64) ([]string, error) {
	err := error(ErrNoUpstream)
	for _, u := range SourcesFirst(Eligible(p.Upstreams, needs, p.Announced)) {
		var extras []string
		extras, err = p.extrasOf(ctx, u, dir)
		if err == nil || ctx.Err() != nil {
			return extras, err
		}
	}
	return nil, err
}

func (p *Puller) extrasOf(ctx context.Context, u edgexml.Upstream, dir string) ([]string, error) {
	root, err := fstree.Open(p.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if f := root.Looker().Look(dir); f.State == fstree.Present && !f.Dir() || f.State == fstree.Absent {
		return nil, nil
	}
	var extras []string
	ended, err := p.run(ctx, u, root, surveyArgs(u, dir), nil, func(line []byte) {
		if c, ok := rsync.ParseChange(line); ok && c.Deleted {
			path := c.Path
			if dir != "" {
				path = dir + "/" + path
			}
			extras = append(extras, path)
		}
	})
	if err != nil {
		return nil, err
	}
	if ended.Exit != 0 {
		return nil, problem(u, ended)
	}
	// Deeper paths first: a directory is empty when its turn comes.
	slices.SortFunc(extras, func(a, b string) int { return strings.Compare(b, a) })
	return extras, nil
}

func (p *Puller) run(ctx context.Context, u edgexml.Upstream, root *fstree.Root, args []string, list []byte, line func([]byte)) (child.Ended, error) {
	if list == nil {
		list = []byte{}
	}
	process, err := p.Launcher.Start(ctx, child.Command{
		Program: p.Program, Args: args, Dir: root.WorkingDir(), Stdin: list, Inactivity: silence, Line: line,
		Enclosed: true, // to receive, rsync starts a second process
	})
	if err != nil {
		return child.Ended{}, trouble.From(err, "rsync cannot be started", "install rsync on this host")
	}
	return process.Wait(), nil
}

// problem makes an error with reason and remedy of a run that has failed.
func problem(u edgexml.Upstream, e child.Ended) error {
	t := rsync.Target{Host: u.Host, Name: u.Module, User: u.User, PasswordFile: u.PasswordFile, Port: u.Port}
	cause, _ := t.Explain(e.Stderr)
	if e.Silence != child.None {
		cause = "it moved nothing for a long time"
	}
	if cause == "" {
		cause, _, _ = strings.Cut(strings.TrimSpace(e.Stderr), "\n")
	}
	return trouble.From(
		fmt.Errorf("%s (rsync ended with status %d)", cause, e.Exit), fmt.Sprintf("nothing can be fetched from the upstream %s", u.Name()),
		fmt.Sprintf("see <upstream> in line %d of the configuration, and the log of the rsync daemon on %s", u.Line, u.Host),
	)
}

// Probe asks an upstream for its module, and changes nothing.
func (p *Puller) Probe(ctx context.Context, u edgexml.Upstream) error {
	root, err := fstree.Open("/")
	if err != nil {
		return err
	}
	defer root.Close()
	ended, err := p.run(ctx, u, root, append(common(u), "--list-only", "-d", "--exclude=/*", source(u, "")), nil, nil)
	if err == nil && ended.Exit != 0 {
		err = problem(u, ended)
	}
	return err
}
