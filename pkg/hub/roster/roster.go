// Package roster keeps the list of those who may use a hub: the source's key, the administrator's,
// and each edge with its key and its trees. It is one file in the hub's directory, which a running
// hub reads again when it has changed.
package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/stream"
)

// Roster is who may use the hub. Keys are public nkeys of users.
type Roster struct {
	Source string `json:"source"` // may publish
	Admin  string `json:"admin"`  // for the commands of sersync-hub
	Edges  []Edge `json:"edges"`  // by name
}

// Edge is one edge and the trees that it may follow.
type Edge struct {
	Name  string    `json:"name"`
	Key   string    `json:"key"`
	Trees []string  `json:"trees"` // sorted
	Since time.Time `json:"since"`
}

// ErrUnknown says that there is no edge of a name.
var ErrUnknown = errors.New("no such edge")

const (
	fileName = "roster.json"
	maxFile  = 64 << 20
)

// Path is the roster's file in a hub's directory.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// Read reads the roster of a hub. The error is fs.ErrNotExist before the first start.
func Read(dir string) (r Roster, err error) {
	data, err := safefile.ReadTrusted(Path(dir), maxFile)
	if err != nil {
		return r, fmt.Errorf("roster: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("roster %s: %w", Path(dir), err)
	}
	return r, r.check()
}

// Change reads, changes and writes the roster of a hub. Several processes may call it at the same
// time; each sees what the one before it has written. An error of change leaves the file as it is.
func Change(dir string, change func(*Roster) error) error {
	lock, err := os.OpenFile(Path(dir)+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("roster: %w", err)
	}
	defer lock.Close() //nolint:errcheck // nothing is written to it
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	r, err := Read(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := change(&r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("roster: %w", err)
	}
	if err := safefile.WriteAtomic(Path(dir), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("roster: %w", err)
	}
	return nil
}

// Put adds an edge, or replaces the one of its name.
func (r *Roster) Put(e Edge) {
	e.Trees = slices.Clone(e.Trees)
	slices.Sort(e.Trees)
	e.Trees = slices.Compact(e.Trees)
	i, found := r.find(e.Name)
	if found {
		r.Edges[i] = e
		return
	}
	r.Edges = slices.Insert(r.Edges, i, e)
}

// Remove takes an edge out.
func (r *Roster) Remove(name string) error {
	i, found := r.find(name)
	if !found {
		return fmt.Errorf("edge %s: %w", name, ErrUnknown)
	}
	r.Edges = slices.Delete(r.Edges, i, i+1)
	return nil
}

func (r *Roster) find(name string) (int, bool) {
	return slices.BinarySearchFunc(r.Edges, name, func(e Edge, name string) int {
		switch {
		case e.Name < name:
			return -1
		case e.Name > name:
			return 1
		}
		return 0
	})
}

// check refuses names that have a special meaning in a subject.
func (r *Roster) check() error {
	for _, e := range r.Edges {
		if err := stream.CheckName(e.Name); err != nil {
			return fmt.Errorf("edge: %w", err)
		}
		if len(e.Trees) == 0 {
			return fmt.Errorf("edge %s: name one tree at least", e.Name)
		}
		for _, tree := range e.Trees {
			if err := stream.CheckName(tree); err != nil {
				return fmt.Errorf("tree of edge %s: %w", e.Name, err)
			}
		}
	}
	return nil
}
