package watchroot

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/confine"
)

// children start the processes of a root's lanes.
type children struct {
	// confined keeps its children from following links inside the root, where the
	// host allows it. plain is for those whose parameters ask to follow links, and
	// for ssh.
	confined, plain *child.Launcher
	// stale asks for the end of children that wait in a tree as it was before;
	// capacity 1.
	stale chan struct{}
}

func newChildren(o Options, log *zap.Logger) *children {
	var once sync.Once
	confined := func() error {
		err := confine.Thread(o.Dir, o.Needed)
		if err != nil {
			once.Do(func() {
				log.Info("links that appear in a path between the look and the run cannot be ruled out here", zap.Error(err))
			})
		}
		return err
	}
	return &children{confined: child.NewLauncher(o.Env, confined), plain: child.NewLauncher(o.Env, nil), stale: make(chan struct{}, 1)}
}

// renew gives up the mount namespace and ends the children that wait in it: while one of them is
// left, the kernel keeps an unmounted file system alive.
func (c *children) renew() {
	c.confined.Renew()
	select {
	case c.stale <- struct{}{}:
	default:
	}
}

// RunLaunchers runs the launchers of the lanes' children until ctx ends. It has to outlive
// everything that may still start or end a child.
func (r *Root) RunLaunchers(ctx context.Context) {
	var runs sync.WaitGroup
	runs.Go(func() { _ = r.kids.confined.Run(ctx) })
	runs.Go(func() { _ = r.kids.plain.Run(ctx) })
	runs.Wait()
}

// refresh ends the children that wait in a mount namespace from before renew.
func (c *children) refresh(ctx context.Context, all lanes) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.stale:
		}
		all.rootChanged(ctx)
	}
}
