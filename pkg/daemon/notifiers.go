package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/notify"
	"github.com/sersync/sersync/pkg/records"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/status"
)

// maxNotifyState bounds what is read of a notifier's file, in bytes.
const maxNotifyState = 16 << 20

// notifiers are the notifiers of all <notify> elements. A goroutine of their own writes to disk
// what they have told and what is not delivered yet.
type notifiers struct {
	*records.Writer
	log *zap.Logger

	list []*notifier // immutable
	mu   sync.Mutex
	due  map[*notifier]bool // whose state has changed
}

type notifier struct {
	*notify.Notifier
	name string
	file string // empty: no state is kept
}

// buildNotifiers makes the notifiers of a site. One that cannot work is an error of the
// configuration, which the status shows; the sync runs all the same.
func (s *site) buildNotifiers(old *site) {
	tell := s.daemon.notes.Written("not written down who has been told what, a restart may tell it again", s.stores.dir, "<state dir>")
	n := &notifiers{log: s.log.Named("notify"), due: map[*notifier]bool{}}
	n.Writer = records.NewWriter(s.daemon.disks.state, n.write, tell)
	s.notifiers = n
	dir, err := os.Getwd()
	if err != nil {
		n.log.Error("notifications are off: the start directory is unknown", zap.Error(err))
		return
	}
	for _, conf := range s.conf.Notify {
		receiver, problems := notify.NewReceiver(conf, s.conf.File, dir)
		if len(problems) > 0 {
			continue // its problems are among the warnings of the configuration
		}
		one := &notifier{name: conf.Name}
		one.Notifier = notify.New(notify.Options{
			Name: conf.Name, Rules: rulesOf(conf), Receiver: receiver, Snapshot: s.daemon.Snapshot, Log: n.log,
			Save: func() { n.ask(one) },
		})
		if s.stores.dir != "" {
			one.file = instance.Notified(s.stores.dir, s.conf.File, conf.Name)
		}
		if state := n.recall(one, old); state != nil {
			if err := one.Recall(state); err != nil {
				n.log.Warn("state of a notifier not used, it tells again what it has told", zap.String("file", one.file), zap.Error(err))
			}
		}
		n.list = append(n.list, one)
	}
}

// recall is the state that a notifier of that name has left: in the old site, or in its file.
func (n *notifiers) recall(one *notifier, old *site) []byte {
	if old != nil {
		for _, before := range old.notifiers.list {
			if state, err := before.State(); before.name == one.name && err == nil {
				return state
			}
		}
	}
	if one.file == "" {
		return nil
	}
	state, err := safefile.ReadTrusted(one.file, maxNotifyState)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("state of a notifier not read, it tells again what it has told", zap.String("file", one.file), zap.Error(err))
	}
	return state
}

func rulesOf(conf confxml.Notify) notify.Rules {
	rules := notify.Rules{Level: status.Failing, After: conf.After, Repeat: conf.Repeat, Events: map[notify.Event]bool{}}
	if conf.Level == status.Lagging.String() {
		rules.Level = status.Lagging
	}
	if conf.Lang == "zh" {
		rules.Lang = status.Chinese
	}
	for _, e := range conf.Events {
		rules.Events[notify.Event(e)] = true
	}
	return rules
}

func (n *notifiers) run(ctx context.Context, group *errgroup.Group) {
	if len(n.list) == 0 {
		return
	}
	group.Go(func() error { return n.Writer.Run(ctx) })
	for _, one := range n.list {
		group.Go(func() error { return one.Run(ctx) })
	}
}

// snapshot shows the notifiers as plugins; n is nil where a plugin runs alone.
func (n *notifiers) snapshot(now time.Time) (list []status.Plugin) {
	if n == nil {
		return nil
	}
	for _, one := range n.list {
		list = append(list, pluginSnapshot(strings.TrimSpace("notify "+one.name), one.Stats(), now))
	}
	return list
}

// ask has a notifier's state written soon. It never blocks.
func (n *notifiers) ask(one *notifier) {
	n.mu.Lock()
	n.due[one] = true
	n.mu.Unlock()
	n.Soon()
}

// finish writes a last time, for as long as ctx allows.
func (n *notifiers) finish(ctx context.Context) {
	if len(n.list) > 0 {
		n.Writer.Finish(ctx)
	}
}

func (n *notifiers) write() error {
	n.mu.Lock()
	due := n.due
	n.due = map[*notifier]bool{}
	n.mu.Unlock()
	var errs []error
	for one := range due {
		state, err := one.State()
		if err == nil && one.file != "" {
			err = safefile.WriteAtomic(one.file, state, 0o600)
		}
		if err != nil {
			errs = append(errs, err)
			n.mu.Lock()
			n.due[one] = true // with the next write
			n.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}
