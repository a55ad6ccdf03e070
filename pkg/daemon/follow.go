package daemon

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/watchroot"
)

// followEvery is how often the links in watch paths are looked at, for the kernel has no event that
// says that one leads elsewhere. It is longer than the second within which saved states count as
// saved together (see overwritten).
const followEvery = 2 * time.Second

// followLinks watches the watch paths that go through links, such as "current" in a tree of
// releases. When such a path leads to another directory, the site is replaced by a new one of the
// same configuration, as by a restart: the new directory gets lanes of its own, which compare
// everything, and delete nothing on the remotes until a person asks for it.
func (s *site) followLinks(ctx context.Context) error {
	var followers []*watchroot.Follower
	for _, r := range s.roots {
		if f := r.Follow(); f != nil {
			followers = append(followers, f)
		}
	}
	if len(followers) == 0 {
		return nil
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, f := range followers {
			now := f.Elsewhere(s.conf)
			if now == "" {
				continue
			}
			s.log.Warn("the watch path leads to another directory, which is mirrored from now on; what only a remote has stays there until --resync",
				zap.String("watch", f.Root().WatchPath()), zap.String("before", f.Root().Dir()), zap.String("now", now))
			select {
			case s.daemon.reloads.usable <- s.conf:
			case <-ctx.Done():
			}
			return nil
		}
	}
}
