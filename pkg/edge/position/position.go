package position

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/stream"
)

// maxFile is larger than any position: Pending is bounded.
const maxFile = 256 << 20

// version is that of the form of the file.
const version = 1

// Position is how far one tree has been followed.
type Position struct {
	// Epoch is the life of the stream to which Taken belongs; it is valid only if Known is set.
	Epoch change.Epoch
	Known bool
	// Taken is the last message whose entries are applied, or are in Pending.
	Taken backlog.Mark
	// Pending is what has not been applied, in the order for backlog.Restore.
	Pending []backlog.Item
	// Directory is the identity of the tree's directory.
	Directory brake.Identity
	// Dir is its path.
	Dir string
}

// ErrNew says that nothing is remembered of a tree.
var ErrNew = errors.New("nothing is remembered")

// File is the position of one tree on disk.
type File struct {
	path string
	tree string
}

// Open returns the file of a tree in a state directory, which is made if it is missing.
func Open(state, tree string) (*File, error) {
	dir := filepath.Join(state, tree)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w; create %s for the user of this edge, or name another in <state dir>", err, state)
	}
	return &File{path: filepath.Join(dir, "position.json"), tree: tree}, nil
}

// Look reads the position of a tree without making anything.
func Look(state, tree string) (Position, error) {
	return (&File{path: filepath.Join(state, tree, "position.json"), tree: tree}).Load()
}

// Dir is the directory that holds the file.
func (f *File) Dir() string { return filepath.Dir(f.path) }

type storedItem struct {
	Path       brake.RawPath `json:"path"`
	State      change.State  `json:"state"`
	Wipe       bool          `json:"wipe,omitempty"`
	Exact      bool          `json:"exact,omitempty"`
	Mode       uint32        `json:"mode,omitempty"`
	UID        uint32        `json:"uid,omitempty"`
	GID        uint32        `json:"gid,omitempty"`
	ModTime    int64         `json:"mtime,omitempty"`
	Size       int64         `json:"size,omitempty"`
	Rdev       uint64        `json:"rdev,omitempty"`
	Target     brake.RawPath `json:"target,omitempty"`
	Sequence   uint64        `json:"sequence"`
	Generation uint64        `json:"generation"`
	Needs      uint64        `json:"needs"`
}

type stored struct {
	Version    int            `json:"version"`
	Tree       string         `json:"tree"`
	Dir        brake.RawPath  `json:"dir"`
	Epoch      string         `json:"epoch,omitempty"`
	Sequence   uint64         `json:"sequence"`
	Generation uint64         `json:"generation"`
	Directory  brake.Identity `json:"directory"`
	Pending    []storedItem   `json:"pending,omitempty"`
}

// Load reads the position. ErrNew means that there is none. Any other error must keep the edge from
// following the tree: only a person may decide to begin anew.
func (f *File) Load() (Position, error) {
	data, err := safefile.ReadTrusted(f.path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Position{}, ErrNew
	}
	if err != nil {
		return Position{}, fmt.Errorf("read the position of tree %s: %w", f.tree, err)
	}
	p, err := decode(data)
	if err != nil {
		return Position{}, trouble.From(err, fmt.Sprintf("the position of the tree %s in %s cannot be used", f.tree, f.path), "remove the file: the tree is then compared with the source")
	}
	return p, nil
}

func decode(data []byte) (Position, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return Position{}, err
	}
	if s.Version != version {
		return Position{}, fmt.Errorf("it has the form %d, and this program knows %d", s.Version, version)
	}
	p := Position{Taken: backlog.Mark{Sequence: s.Sequence, Generation: s.Generation}, Directory: s.Directory, Dir: string(s.Dir)}
	if s.Epoch != "" {
		if p.Epoch, p.Known = stream.ParseEpoch(s.Epoch); !p.Known {
			return Position{}, fmt.Errorf("the epoch %q is none", s.Epoch)
		}
	}
	for _, i := range s.Pending {
		e := change.Entry{
			Path: string(i.Path), State: i.State, Exact: i.Exact, Mode: i.Mode, UID: i.UID, GID: i.GID,
			ModTime: i.ModTime, Size: i.Size, Rdev: i.Rdev, Target: string(i.Target), Fetch: i.State == change.File,
		}
		if err := e.Check(); err != nil {
			return Position{}, err
		}
		p.Pending = append(p.Pending, backlog.Item{Entry: e, Wipe: i.Wipe, Needs: i.Needs, Since: backlog.Mark{Sequence: i.Sequence, Generation: i.Generation}})
	}
	return p, nil
}

// Save replaces the position atomically: after a crash either the old one or the new one is there.
func (f *File) Save(p Position) error {
	data, err := f.encode(p)
	if err == nil {
		err = safefile.WriteAtomic(f.path, data, 0o600)
	}
	if err != nil {
		return trouble.From(err, fmt.Sprintf("the position of the tree %s cannot be written", f.tree), fmt.Sprintf("make room in %s, or let the user of this edge write there", f.Dir()))
	}
	return nil
}

func (f *File) encode(p Position) ([]byte, error) {
	s := stored{
		Version: version, Tree: f.tree, Dir: brake.RawPath(p.Dir), Sequence: p.Taken.Sequence, Generation: p.Taken.Generation, Directory: p.Directory,
	}
	if p.Known {
		s.Epoch = stream.EpochText(p.Epoch)
	}
	for _, i := range p.Pending {
		e := i.Entry
		s.Pending = append(s.Pending, storedItem{
			Path: brake.RawPath(e.Path), State: e.State, Wipe: i.Wipe, Exact: e.Exact, Mode: e.Mode, UID: e.UID, GID: e.GID,
			ModTime: e.ModTime, Size: e.Size, Rdev: e.Rdev, Target: brake.RawPath(e.Target),
			Sequence: i.Since.Sequence, Generation: i.Since.Generation, Needs: i.Needs,
		})
	}
	return json.Marshal(s)
}
