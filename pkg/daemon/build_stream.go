package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
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
		s.log.Warn("a stream is named twice, it is published once", zap.String("lane", id), zap.Int("line", to.Line))
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
	publishing := laneconf.Publishing(way.Dir, to, s.stores.sourceName(s.log))
	publishing.Root, publishing.Held = way.Root, func(path string) string { return opt.Held(path, false) }
	publishing.Logger = opt.Logger.With(zap.String("lane", id))
	start.stream = publish.New(publishing)
	opt.Transport = start.stream
	s.streams[id] = start.stream
	b.add(start, opt, choice, b.rules(r, local, confxml.Remote{}, rsync.Target{}))
}

const (
	sourceFile   = "stream-source"
	sourceLength = 16
)

// SourceName is the name by which hubs know the program with a state directory; empty:
// it has none yet.
func SourceName(dir string) (string, error) {
	name, err := safefile.ReadTrusted(filepath.Join(dir, sourceFile), 2*sourceLength)
	if err != nil || len(name) != 2*sourceLength {
		return "", err
	}
	return string(name), nil
}

// sourceName is SourceName of these stores, and makes a name where there is none; empty: no name
// can be stored. Because the name is stored, a host that is renamed still owns its trees.
func (st *stores) sourceName(log *zap.Logger) string {
	if st.dir == "" {
		return ""
	}
	file := filepath.Join(st.dir, sourceFile)
	known, err := SourceName(st.dir)
	if known != "" {
		return known
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		made := make([]byte, sourceLength)
		_, _ = rand.Read(made) // never fails
		name := []byte(hex.EncodeToString(made))
		if err = safefile.WriteAtomic(file, name, 0o600); err == nil {
			return string(name)
		}
	}
	log.Warn("the name of this source cannot be stored, hubs know the source by host and directory", zap.String("file", file), zap.Error(err))
	return ""
}
