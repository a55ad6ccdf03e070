package dirty

import (
	"maps"
	"strings"
	"time"
)

// modelMark and model are the dirty set in its simplest form: maps, and a full search for every
// question.
type modelMark struct {
	flags     Flags
	since     time.Time
	attempt   int
	looked    bool
	notBefore time.Time        // zero: not delayed
	gone      map[string]Flags // deletions that wait for the tree, by their names
	deleted   map[string]Flags // deletions that the set knows by their hashes
}

type model struct{ pend, fly map[string]*modelMark }

func under(path, dir string) bool {
	return path != dir && (dir == "" || strings.HasPrefix(path, dir+"/"))
}

func older(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (k *modelMark) absorbs() bool {
	return k.flags&Tree != 0 && (k.notBefore.IsZero() || k.attempt == 0)
}

// takeOver returns the flags that a tree takes over from a mark below it.
func (k *modelMark) takeOver(path string, f Flags) Flags {
	if f&Gone == 0 || k.flags&Gone != 0 {
		return f &^ Tree
	}
	if k.gone == nil {
		k.gone = map[string]Flags{}
	}
	k.gone[path] |= f & (Tree | Gone)
	return f &^ (Tree | Gone)
}

func (k *modelMark) inherit(o *modelMark) {
	for p, f := range o.gone {
		k.flags |= k.takeOver(p, f)
	}
	if len(o.deleted) > 0 && k.flags&Gone == 0 {
		k.flags |= Extras
		k.hash(o.deleted)
	}
	o.gone, o.deleted = nil, nil
}

func (k *modelMark) hash(names map[string]Flags) {
	if k.deleted == nil {
		k.deleted = map[string]Flags{}
	}
	maps.Copy(k.deleted, names)
}

// land marks the deletions that have waited for a tree.
func (m *model) land(k *modelMark, now time.Time) {
	if k.flags&Gone != 0 {
		return
	}
	for p, f := range k.gone {
		heir := m.mark(p, f, now)
		m.pend[heir].since = older(m.pend[heir].since, k.since)
	}
}

func (m *model) absorberOf(path string) (string, bool) {
	for dir, k := range m.pend {
		if under(path, dir) && k.absorbs() {
			return dir, true
		}
	}
	return "", false
}

func (m *model) absorbBelow(dir string) {
	k := m.pend[dir]
	if !k.absorbs() {
		return
	}
	for p, o := range m.pend {
		if under(p, dir) {
			k.flags |= k.takeOver(p, o.flags)
			k.inherit(o)
			k.since = older(k.since, o.since)
			delete(m.pend, p)
		}
	}
}

func (m *model) mark(path string, f Flags, now time.Time) string {
	if dir, ok := m.absorberOf(path); ok {
		path, f = dir, m.pend[dir].takeOver(path, f)
	}
	k := m.pend[path]
	if k == nil {
		k = &modelMark{since: now}
		m.pend[path] = k
		if fly := m.fly[path]; fly != nil {
			f |= fly.flags & (Tree | Gone)
		}
	} else if k.attempt == 0 {
		k.looked, k.notBefore = false, time.Time{}
	}
	k.flags |= f
	m.absorbBelow(path)
	return path
}

func (m *model) giveBack(it Item, notBefore time.Time) {
	k := m.fly[it.Path]
	delete(m.fly, it.Path)
	k.flags, k.attempt, k.looked, k.notBefore = it.Flags, it.Attempt, it.Looked, notBefore
	if o := m.pend[it.Path]; o != nil {
		k.flags |= o.flags
		k.inherit(o)
		if k.attempt == 0 {
			k.notBefore, k.looked = time.Time{}, false
		}
	}
	if dir, ok := m.absorberOf(it.Path); ok {
		delete(m.pend, it.Path)
		m.pend[dir].since = older(m.pend[dir].since, k.since)
		rest := m.pend[dir].takeOver(it.Path, k.flags)
		m.pend[dir].inherit(k)
		m.mark(dir, rest, k.since)
		return
	}
	m.pend[it.Path] = k
	m.absorbBelow(it.Path)
}

// takeable returns everything that a Take without a limit may hand out.
func (m *model) takeable(now time.Time) map[string]bool {
	var due []string
	for p, k := range m.pend {
		if !k.notBefore.IsZero() && !k.notBefore.After(now) {
			due = append(due, p)
		}
	}
	for _, p := range due {
		if k := m.pend[p]; k != nil {
			k.notBefore = time.Time{}
			m.absorbBelow(p)
		}
	}
	out := map[string]bool{}
	for p, k := range m.pend {
		blocked := !k.notBefore.IsZero()
		for f := range m.fly {
			blocked = blocked || f == p || under(p, f) || under(f, p)
		}
		if !blocked {
			out[p] = true
		}
	}
	return out
}
