package testkit

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// MungePrefix is what an rsync daemon without chroot puts before the target of each symbolic link
// that it receives (rsyncd.conf(5), "munge symlinks").
const MungePrefix = "/rsyncd-munged/"

// Compare says what has to be equal under one configuration. The zero value compares names, types,
// contents and link targets, ignores files that event sync treats as temporary, and allows no extra
// entries on the target.
type Compare struct {
	// Modes, Times, Owners, Links and Xattrs are compared only if they are set: set those that
	// commonParams transfer and whose changes the switches select.
	Modes, Times, Owners, Links, Xattrs bool
	// DirTimes also compares the times of directories, which only a full sync makes right.
	DirTimes bool
	// WholeSeconds compares times as a receiver before rsync 3.1 does.
	WholeSeconds bool
	// DotFiles says that files whose names begin with a dot are synced.
	DotFiles bool
	// Excluded says which paths the filter excludes; nil: none. Everything below an excluded
	// directory is excluded as well.
	Excluded func(path string, dir bool) bool
	// Extra says which entries the target may have that the source does not have; nil: none.
	// AnyExtra is the usual value where nothing may be deleted.
	Extra func(path string) bool
}

// AnyExtra allows the target any entry that the source does not have.
func AnyExtra(string) bool { return true }

// CompareFor returns what rsync transfers with the given commonParams, judged by its short options
// and --archive.
func CompareFor(params string) Compare {
	var c Compare
	for word := range strings.FieldsSeq(params) {
		if word == "--archive" {
			word = "-a"
		}
		if !strings.HasPrefix(word, "-") || strings.HasPrefix(word, "--") {
			continue
		}
		has := func(letters string) bool { return strings.ContainsAny(word, letters) }
		c.Modes = c.Modes || has("ap")
		c.Times = c.Times || has("at")
		c.Owners = c.Owners || has("a")
		c.Links = c.Links || has("H")
		c.Xattrs = c.Xattrs || has("XA")
	}
	return c
}

// Difference is one difference of a target from what its source requires.
type Difference struct {
	Path string
	// Kind is missing, extra, type, content, target, mode, time, owner,
	// device, links, xattrs, leftover (a temporary file or partial directory
	// of rsync) or error (a side could not be read).
	Kind           string
	Source, Target string // the two values, for a person to read
}

// String names the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %q: source %s, target %s", d.Kind, d.Path, d.Source, d.Target)
}

// leftover matches what an interrupted rsync leaves: its temporary file (.NAME.XXXXXX), and a
// partial directory with any of the usual names.
var leftover = regexp.MustCompile(`(^|/)(\.[^/]*\.[A-Za-z0-9]{6}|\.~tmp~|\.rsync-partial|\.rsync-tmp|\.sersync[^/]*|\.~sersync[^/]*)(/|$)`)

// Equal lists the differences of the target from the source in the order of their paths; an empty
// list means that they are equal. Temporary files of event sync (names that end with a tilde, begin
// with a dot, or are 4913) and excluded paths are ignored on both sides, except that a leftover of
// rsync on the target is always a difference.
func Equal(src, dst string, c Compare) []Difference {
	source, err := Scan(src, c.Xattrs)
	if err != nil {
		return []Difference{{Kind: "error", Source: err.Error(), Target: "not read"}}
	}
	target, err := Scan(dst, c.Xattrs)
	if err != nil {
		return []Difference{{Kind: "error", Source: "read", Target: err.Error()}}
	}
	p := pair{source: source, target: target, c: c}
	if p.srcRoot, err = os.OpenRoot(src); err != nil {
		return []Difference{{Kind: "error", Source: err.Error()}}
	}
	defer p.srcRoot.Close()
	if p.dstRoot, err = os.OpenRoot(dst); err != nil {
		return []Difference{{Kind: "error", Target: err.Error()}}
	}
	defer p.dstRoot.Close()
	p.run()
	return p.out
}

// pair is one comparison of a source with a target.
type pair struct {
	source, target   map[string]Entry
	srcRoot, dstRoot *os.Root
	c                Compare
	out              []Difference
}

func (p *pair) run() {
	for _, name := range slices.Sorted(maps.Keys(p.source)) {
		s := p.source[name]
		if p.ignored(name, s.Type == 'd') {
			continue
		}
		t, ok := p.target[name]
		if !ok {
			p.add(name, "missing", describe(s), "nothing")
			continue
		}
		p.entry(name, s, t)
	}
	for _, name := range slices.Sorted(maps.Keys(p.target)) {
		if _, ok := p.source[name]; ok {
			continue
		}
		t := p.target[name]
		switch {
		case leftover.MatchString(name):
			p.add(name, "leftover", "nothing", describe(t))
		case p.ignored(name, t.Type == 'd'), p.c.Extra != nil && p.c.Extra(name):
		default:
			p.add(name, "extra", "nothing", describe(t))
		}
	}
	if p.c.Links {
		p.links()
	}
}

// ignored says whether event sync ignores a path.
func (p *pair) ignored(name string, dir bool) bool {
	if !dir && TempFile(path.Base(name), p.c.DotFiles) {
		return true
	}
	if p.c.Excluded == nil {
		return false
	}
	if p.c.Excluded(name, dir) {
		return true
	}
	for up := path.Dir(name); up != "."; up = path.Dir(up) {
		if p.c.Excluded(up, true) {
			return true
		}
	}
	return false
}

// TempFile says whether event sync drops the events for a file of this name (as in 2.5.4: the name
// is 4913, ends with a tilde, or begins with a dot).
func TempFile(name string, dotFiles bool) bool {
	if name == "4913" || strings.HasSuffix(name, "~") {
		return true
	}
	return !dotFiles && strings.HasPrefix(name, ".")
}

func (p *pair) entry(name string, s, t Entry) {
	if s.Type != t.Type {
		p.add(name, "type", describe(s), describe(t))
		return
	}
	switch s.Type {
	case 'f':
		p.content(name, s, t)
	case 'l':
		if s.Target != strings.TrimPrefix(t.Target, MungePrefix) && s.Target != t.Target {
			p.add(name, "target", s.Target, t.Target)
		}
	case 'c', 'b':
		if s.Rdev != t.Rdev {
			p.add(name, "device", fmt.Sprint(s.Rdev), fmt.Sprint(t.Rdev))
		}
	}
	if p.c.Modes && s.Type != 'l' && s.Mode != t.Mode {
		p.add(name, "mode", fmt.Sprintf("%04o", s.Mode), fmt.Sprintf("%04o", t.Mode))
	}
	if p.c.Owners && (s.UID != t.UID || s.GID != t.GID) {
		p.add(name, "owner", fmt.Sprintf("%d:%d", s.UID, s.GID), fmt.Sprintf("%d:%d", t.UID, t.GID))
	}
	if p.timed(s) && !p.sameTime(s, t) {
		p.add(name, "time", s.Mtime.String(), t.Mtime.String())
	}
	if p.c.Xattrs && !maps.Equal(s.Xattrs, t.Xattrs) {
		p.add(name, "xattrs", fmt.Sprintf("%q", s.Xattrs), fmt.Sprintf("%q", t.Xattrs))
	}
}

func (p *pair) timed(e Entry) bool {
	if e.Type == 'd' {
		return p.c.DirTimes
	}
	return p.c.Times && e.Type != 'l'
}

// sameTime compares only whole seconds of entries that are no regular files: rsync does not correct
// a time that is right to the second, and sets nanoseconds only together with a file's content.
func (p *pair) sameTime(s, t Entry) bool {
	if p.c.WholeSeconds || s.Type != 'f' {
		return s.Mtime.Unix() == t.Mtime.Unix()
	}
	return s.Mtime.Equal(t.Mtime)
}

// content compares two files byte by byte.
func (p *pair) content(name string, s, t Entry) {
	if s.Size != t.Size {
		p.add(name, "content", fmt.Sprintf("%d bytes", s.Size), fmt.Sprintf("%d bytes", t.Size))
		return
	}
	a, err := p.srcRoot.Open(name)
	if err != nil {
		p.add(name, "error", err.Error(), "")
		return
	}
	defer a.Close()
	b, err := p.dstRoot.Open(name)
	if err != nil {
		p.add(name, "error", "", err.Error())
		return
	}
	defer b.Close()
	if at := firstDifference(a, b); at >= 0 {
		p.add(name, "content", fmt.Sprintf("%d bytes", s.Size), fmt.Sprintf("differs near byte %d", at))
	}
}

// firstDifference returns the offset of the first block that differs, or -1.
func firstDifference(a, b io.Reader) int64 {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			return at
		}
		if errA != nil || errB != nil {
			return -1
		}
		at += int64(n)
	}
}

// links compares which names share one inode.
func (p *pair) links() {
	source, target := p.groups(p.source), p.groups(p.target)
	for _, name := range slices.Sorted(maps.Keys(source)) {
		if _, ok := p.target[name]; ok && source[name] != target[name] {
			p.add(name, "links", source[name], target[name])
		}
	}
}

// groups maps each file to the sorted names of its inode that both sides have.
func (p *pair) groups(tree map[string]Entry) map[string]string {
	type inode struct{ dev, ino uint64 }
	names := map[inode][]string{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		e := tree[name]
		_, onSource := p.source[name]
		_, onTarget := p.target[name]
		if e.Type == 'f' && onSource && onTarget && !p.ignored(name, false) {
			names[inode{e.Device, e.Inode}] = append(names[inode{e.Device, e.Inode}], name)
		}
	}
	out := map[string]string{}
	for _, group := range names {
		for _, name := range group {
			out[name] = fmt.Sprintf("%q", group)
		}
	}
	return out
}

func (p *pair) add(name, kind, source, target string) {
	p.out = append(p.out, Difference{Path: name, Kind: kind, Source: source, Target: target})
}

func describe(e Entry) string {
	switch e.Type {
	case 'f':
		return fmt.Sprintf("file of %d bytes", e.Size)
	case 'd':
		return "directory"
	case 'l':
		return fmt.Sprintf("symlink to %q", e.Target)
	}
	return "special file " + string(e.Type)
}
