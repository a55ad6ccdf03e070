package preflight

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// countTime bounds the counting of all trees together.
const countTime = 2 * time.Second

// limitsDir is where the kernel tells its limits.
const limitsDir = "/proc/sys/fs/inotify"

// trees looks at the watch roots, at who watches them, and at the kernel's limits.
func (s *Site) trees(ctx context.Context, r *Report) {
	ids := make([]fileID, len(s.Roots))
	for i, root := range s.Roots {
		ids[i], _ = identify(root.Dir)
	}
	procs := readProcesses(ctx, "/proc", ids)
	counting, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	for i, root := range s.Roots {
		found := Root{Watch: root.Dir}
		found.count(counting)
		s.servers(&found, root, ids[i], procs)
		r.Roots = append(r.Roots, found)
	}
	r.Host = append(r.Host, s.limits(r.Roots, procs)...)
}

// count counts the directories of the root: each of them needs a watch.
func (r *Root) count(ctx context.Context) {
	fd, err := unix.Open(r.Watch, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		r.Steps = append(r.Steps, Step{Topic: TopicTree, Verdict: Wrong, Said: treeUnreadable.of(err.Error()), Remedy: letRead})
		return
	}
	defer func() { _ = unix.Close(fd) }()
	var n atomic.Int64
	err = fstree.Walk(ctx, fd, "", fstree.WalkOptions{Enter: func(*fstree.Dir) error { n.Add(1); return nil }})
	r.Directories, r.Counted = int(n.Load()), ctx.Err() == nil
	switch {
	case !r.Counted:
		r.Steps = append(r.Steps, Step{Topic: TopicTree, Verdict: Remark, Said: treeLarge.of(r.Directories, countTime.String())})
	case err != nil:
		r.Steps = append(r.Steps, Step{Topic: TopicTree, Verdict: Wrong, Said: treeUnreadable.of(err.Error()), Remedy: letRead})
	default:
		r.Steps = append(r.Steps, Step{Topic: TopicTree, Said: treeCounted.of(r.Directories)})
	}
}

// servers says who serves a root already: this program by its locks, others by their watches.
func (s *Site) servers(found *Root, root WatchRoot, id fileID, procs processes) {
	ours := map[int]bool{}
	served := func(pid int, remote string) {
		if pid > 0 {
			ours[pid] = true
			found.Steps = append(found.Steps, Step{Topic: TopicServed, Verdict: Remark, Said: servedByUs.of(pid, remote)})
		}
	}
	for _, target := range root.Targets {
		served(root.Holder(target), target.Dest())
	}
	for _, to := range root.Streams {
		served(to.Holder, publish.Remote(to.Tree))
	}
	for _, p := range procs.list {
		if p.watches(id) && p.mirrors() && !ours[p.pid] {
			found.Steps = append(found.Steps, Step{Topic: TopicServed, Verdict: Doubt, Said: servedByOther.of(p.name, p.pid, p.command), Remedy: stopOther})
		}
	}
	if len(found.Steps) > 0 && found.Steps[len(found.Steps)-1].Topic == TopicServed {
		return
	}
	said := servedByNone
	if procs.hidden {
		said = servedUnknown
	}
	found.Steps = append(found.Steps, Step{Topic: TopicServed, Said: said})
}

// demand is what the trees need of the kernel's limits, and what is available.
type demand struct {
	directories int
	counted     bool // false: there are more
	used, limit int  // watches
	roots       int
	instances   int // in use by this user
	maximum     int
	raises      bool // a start would raise the limits
}

func (s *Site) limits(roots []Root, procs processes) []Step {
	d := demand{counted: true, used: procs.watches, instances: procs.instances, raises: os.Geteuid() == 0 && unix.Access(limitsDir+"/max_user_watches", unix.W_OK) == nil}
	for i, r := range roots {
		if s.Roots[i].Marked {
			continue
		}
		d.roots++
		d.directories += r.Directories
		d.counted = d.counted && r.Counted
	}
	var err, other error
	d.limit, err = readLimit("max_user_watches")
	d.maximum, other = readLimit("max_user_instances")
	if err = errors.Join(err, other); err != nil {
		return []Step{{Topic: TopicLimits, Verdict: Remark, Said: limitUnknown.of(err.Error())}}
	}
	return d.steps()
}

func readLimit(name string) (int, error) {
	data, err := os.ReadFile(filepath.Join(limitsDir, name))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// steps judge the demand.
func (d demand) steps() (steps []Step) {
	number := exactly.of(d.directories)
	if !d.counted {
		number = atLeast.of(d.directories)
	}
	free, limit := strconv.Itoa(max(d.limit-d.used, 0)), strconv.Itoa(d.limit)
	switch enough := d.directories <= d.limit-d.used; {
	case enough:
		steps = append(steps, Step{Topic: TopicLimits, Said: watchesSuffice.of(number, free, limit)})
	case d.raises:
		steps = append(steps, Step{Topic: TopicLimits, Said: watchesRaised.of(number, limit)})
	default:
		steps = append(steps, Step{Topic: TopicLimits, Verdict: Wrong, Said: watchesLack.of(number, free, limit),
			Remedy: raiseLimit.of("max_user_watches", roundUp(d.directories+d.used))})
	}
	if d.instances+d.roots > d.maximum && !d.raises {
		steps = append(steps, Step{Topic: TopicLimits, Verdict: Wrong, Said: instancesLack.of(d.instances, d.maximum, d.roots),
			Remedy: raiseLimit.of("max_user_instances", max(1024, 2*(d.instances+d.roots)))})
	}
	return steps
}

// roundUp leaves a tree room to grow.
func roundUp(n int) int {
	limit := 1 << 19
	for limit < 2*n {
		limit *= 2
	}
	return limit
}
