package rsync

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/transport"
)

// Params are the user's own rsync parameters (commonParams), split as a shell splits words, without
// options that would make rsync's output unreadable for this program.
type Params struct {
	args       []string
	connection []string
	root       string // relative names of files begin there
	moves      bool   // files may be removed here once they are sent

	// Update says that -u is among the parameters.
	Update bool
	// Links, Devices, Specials, Perms, Times and Owner tell what the parameters have sent.
	Links, Devices, Specials, Perms, Times, Owner, Group, HardLinks, Xattrs, ACLs bool
	// Checksum is -c: the receiver may compute for long while no byte moves.
	Checksum bool
	// RemoteShell says that the user chose -e or --rsh: it is left alone.
	RemoteShell bool
	// Comparing is --modify-window and --size-only.
	transport.Comparing
	// Timeout and PartialDir tell that the user set them.
	Timeout, PartialDir bool
	// Inplace says that files are written in place (--inplace, --append), for
	// which rsync accepts no partial directory.
	Inplace bool
	// MaxSize is --max-size in bytes; 0: none.
	MaxSize int64
	// BWLimit is --bwlimit in bytes per second; 0: none.
	BWLimit int64
	// NamesFiles says that an option names a file of this host.
	NamesFiles bool
	// Port is the user's own --port, 0 if none.
	Port int
	// FollowLinks says that symlinks are to be followed (-L, -k,
	// --copy-unsafe-links).
	FollowLinks bool
	// rsyncPath is the user's own --rsync-path; empty if none.
	rsyncPath string
	// Rules are the user's own exclude and include patterns.
	Rules Rules
}

// ErrParams marks parameters that cannot be used.
var ErrParams = errors.New("rsync parameters")

// ParseParams splits text as the shell of 2.5.4 did: quotes and $VAR work,
// env gives the variables. Substitutions, redirections and command separators
// are refused, since nothing is executed here. The setting's Root is where rsync
// runs and finds the files that the parameters name.
func ParseParams(text string, setting rsyncopts.Setting, env func(string) string) (Params, error) {
	words, err := shellwords.Split(text, env)
	if err != nil {
		return Params{}, fmt.Errorf("%w %q: %w; write plain rsync options, quoted as for a shell", ErrParams, text, err)
	}
	given, err := rsyncopts.Parse(words)
	if err != nil {
		return Params{}, fmt.Errorf("%w %q: %w", ErrParams, text, err)
	}
	for _, g := range given {
		if g.Option != nil && g.Option.Use == rsyncopts.Impossible && !g.Off {
			return Params{}, fmt.Errorf("%w %q: %s: %s", ErrParams, text, g.Text, g.Option.Why)
		}
	}
	p := Params{root: setting.Root, moves: setting.MayMove()}
	p.take(given)
	return p, nil
}

// take records each option, and keeps those that are passed on to rsync; letters stay in the
// clusters in which they were given.
func (p *Params) take(given []rsyncopts.Given) {
	var kept []byte
	for i, g := range given {
		if g.Letter == 0 {
			p.long(g)
			continue
		}
		p.letter(g, &kept)
		if last := i+1 == len(given) || given[i+1].Letter == 0 || given[i+1].Cluster != g.Cluster; last {
			p.flush(&kept)
		}
	}
}

func (p *Params) long(g rsyncopts.Given) {
	if !p.note(g) {
		return
	}
	p.args = append(p.args, g.Words...)
	if g.Option != nil && connects[g.Option.Name] {
		p.connection = append(p.connection, g.Words...)
	}
}

func (p *Params) letter(g rsyncopts.Given, kept *[]byte) {
	text := "-" + string([]byte{g.Letter})
	switch {
	case g.Is("P"):
		p.args = append(p.args, "--partial")
	case !p.note(g):
	case g.Option == nil || !g.Option.Value:
		*kept = append(*kept, g.Letter)
		if g.Option != nil && connects[g.Option.Name] {
			p.connection = append(p.connection, text)
		}
	default:
		p.flush(kept)
		p.args = append(p.args, text, g.Value)
		if connects[g.Option.Name] {
			p.connection = append(p.connection, text, g.Value)
		}
	}
}

func (p *Params) flush(cluster *[]byte) {
	if len(*cluster) > 0 {
		p.args = append(p.args, "-"+string(*cluster))
	}
	*cluster = nil
}

// connects are the options that decide how the remote is reached and how names
// are written there; they hold for runs that only ask a question, too.
var connects = map[string]bool{
	"rsh": true, "rsync-path": true, "iconv": true, "address": true, "ipv4": true, "ipv6": true,
	"blocking-io": true, "protocol": true, "remote-option": true, "password-file": true, "port": true,
	"timeout": true, "contimeout": true, "sockopts": true,
}

// note records what an option means for this program and tells whether it is
// passed on.
func (p *Params) note(g rsyncopts.Given) (keep bool) {
	if g.Option == nil {
		return true // rsync will say that it does not know the option
	}
	on := !g.Off
	name, value := g.Option.Name, g.Value
	switch g.Option.Use {
	case rsyncopts.Output, rsyncopts.Fixed, rsyncopts.Deletes, rsyncopts.LeftOut:
		return false
	case rsyncopts.Moves:
		return p.moves
	case rsyncopts.Passed, rsyncopts.Hides, rsyncopts.Impossible:
	}
	if name == "relative" && !on {
		return false // every list of names needs it
	}
	p.carries(name, on)
	p.NamesFiles = p.NamesFiles || g.Option.File != rsyncopts.NoFile
	switch name {
	case "update":
		p.Update = on
	case "checksum":
		p.Checksum = on
	case "rsh":
		p.RemoteShell = true
	case "rsync-path":
		p.rsyncPath = value
	case "modify-window":
		p.ModifyWindow = true
	case "timeout":
		p.Timeout = true
	case "bwlimit":
		p.BWLimit = quantity(value, "K")
	case "max-size":
		p.MaxSize = quantity(value, "B")
	case "inplace", "append", "append-verify", "write-devices":
		p.Inplace = p.Inplace || on
	case "partial-dir":
		p.PartialDir = true
	case "port":
		p.Port, _ = strconv.Atoi(value)
	case "copy-links", "copy-dirlinks", "copy-unsafe-links":
		p.FollowLinks = on
	case "exclude-from", "include-from":
		if !filepath.IsAbs(value) {
			value = p.root + "/" + value
		}
		p.Rules.add(name, value)
	case "exclude", "include", "filter", "cvs-exclude", "F":
		p.Rules.add(name, value)
	}
	return true
}

func (p *Params) carries(name string, on bool) {
	switch name {
	case "archive":
		p.Links, p.Perms, p.Times, p.Owner, p.Group, p.Devices, p.Specials = on, on, on, on, on, on, on
	case "links":
		p.Links = on
	case "perms":
		p.Perms = on
	case "times":
		p.Times = on
	case "owner":
		p.Owner = on
	case "group":
		p.Group = on
	case "D":
		p.Devices, p.Specials = on, on
	case "devices":
		p.Devices = on
	case "specials":
		p.Specials = on
	case "hard-links":
		p.HardLinks = on
	case "size-only":
		p.SizeOnly = on
	case "xattrs":
		p.Xattrs = on
	case "acls":
		p.ACLs, p.Perms = on, on || p.Perms
	}
}

// Program is what is run on a remote over ssh, as its shell gets it.
func (p Params) Program() string {
	if p.rsyncPath != "" {
		return p.rsyncPath
	}
	return "rsync"
}

// Args returns the parameters for an argument vector.
func (p Params) Args() []string { return slices.Clone(p.args) }

// Connection returns those parameters that say how the remote is reached.
func (p Params) Connection() []string { return slices.Clone(p.connection) }

// WithoutUpdate returns the parameters with -u taken out. There is no --no-u
// in rsync, so that the letter has to leave its cluster.
func (p Params) WithoutUpdate() []string { return p.without("u", "update") }

// WithoutRules returns the parameters without the user's own patterns.
func (p Params) WithoutRules() []string {
	return p.without("CFf", "exclude", "include", "filter", "exclude-from", "include-from", "cvs-exclude")
}

// without returns the parameters less some options, by their letters and names.
func (p Params) without(letters string, names ...string) []string {
	out := make([]string, 0, len(p.args))
	for i := 0; i < len(p.args); i++ {
		a := p.args[i]
		if name, ok := strings.CutPrefix(a, "--"); ok {
			name, _, hasValue := strings.Cut(name, "=")
			words := p.args[i : i+1]
			if o, off := rsyncopts.Lookup(name); o != nil && o.Value && !off && !hasValue {
				i++
				words = p.args[i-1 : i+1]
			}
			if !slices.Contains(names, name) {
				out = append(out, words...)
			}
			continue
		}
		if o := rsyncopts.Letter(a[1]); len(a) == 2 && o != nil && o.Value {
			if i++; !strings.Contains(letters, a[1:]) {
				out = append(out, a, p.args[i])
			}
			continue
		}
		kept := strings.Map(func(r rune) rune {
			if strings.ContainsRune(letters, r) {
				return -1
			}
			return r
		}, a)
		if len(kept) > 1 {
			out = append(out, kept)
		}
	}
	return out
}
