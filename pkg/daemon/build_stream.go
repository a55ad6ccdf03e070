package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchroot"
)

// stream makes the lane from a root to one stream, unless there is one.
func (b *builder) stream(r *watchroot.Root, local confxml.LocalPath, to confxml.Stream, shared *slots.Slots) {
	s := b.site
	id := laneconf.StreamID(r.Dir(), to)
	if s.lanes[id] != nil {
		s.log.Warn("stream named twice, published once", zap.String("lane", id), zap.Int("line", to.Line))
		return
	}
	choice := laneconf.Choice(s.conf, local, confxml.Remote{})
	start := b.recall(r, id, choice)
	opt := b.options(r, id, shared)
	opt.Scope = b.scope(rsync.Target{}, confxml.Remote{})
	var way session.Options
	r.Equip(&opt, &way)
	r.Recall(&opt, start.state)
	opt.Caps = publish.Capabilities()
	host, _ := os.Hostname() // a claim without it is told apart by its directory
	start.stream = publish.New(publish.Options{
		Tree: to.Name, Way: laneconf.Way(to), Limits: publish.Limits{Age: to.Keep, Bytes: to.Size, Replicas: to.Replicas},
		Dir: way.Dir, Root: way.Root, Held: func(path string) string { return opt.Held(path, false) },
		Host: host, Source: s.stores.sourceName(s.log), Logger: opt.Logger.With(zap.String("lane", id)),
	})
	opt.Transport = start.stream
	b.add(start, opt, choice, b.rules(r, local, confxml.Remote{}, rsync.Target{}))
}

const (
	sourceFile   = "stream-source"
	sourceLength = 16
)

// sourceName is the name by which hubs know this program's state; empty: none can be
// kept. A host that gets another name keeps its trees by it.
func (st *stores) sourceName(log *zap.Logger) string {
	if st.dir == "" {
		return ""
	}
	file := filepath.Join(st.dir, sourceFile)
	name, err := safefile.ReadTrusted(file, 2*sourceLength)
	if err == nil && len(name) == 2*sourceLength {
		return string(name)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		made := make([]byte, sourceLength)
		_, _ = rand.Read(made) // never fails
		name = []byte(hex.EncodeToString(made))
		if err = safefile.WriteAtomic(file, name, 0o600); err == nil {
			return string(name)
		}
	}
	log.Warn("the name of this source is not kept, hubs know it by host and directory", zap.String("file", file), zap.Error(err))
	return ""
}
