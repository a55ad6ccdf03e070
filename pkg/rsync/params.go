package rsync

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/shell"
)

// Params are the user's own rsync parameters (commonParams), split as a shell
// splits words and freed of what would spoil the reading of rsync's output.
type Params struct {
	args       []string
	connection []string

	// Deletes says that the user asked for one of the --delete options; they
	// are not passed on, deletions are this program's own decision.
	Deletes bool
	// Update says that -u is among the parameters.
	Update bool
	// Links, Devices, Specials, Perms, Times and Owner tell what the
	// parameters carry.
	Links, Devices, Specials, Perms, Times, Owner, Group, HardLinks, Xattrs, ACLs bool
	// Checksum is -c: the receiver may think for long without a byte moving.
	Checksum bool
	// RemoteShell says that the user chose -e or --rsh: it is left alone.
	RemoteShell bool
	// ModifyWindow, Timeout and PartialDir tell that the user set them.
	ModifyWindow, Timeout, PartialDir bool
	// Inplace says that files are written in place (--inplace, --append), for
	// which rsync accepts no partial directory.
	Inplace bool
	// NamesFiles says that an option names a file of this host.
	NamesFiles bool
	// Port is the user's own --port, 0 if none.
	Port int
	// FollowLinks says that symlinks are to be followed (-L, -k,
	// --copy-unsafe-links).
	FollowLinks bool
	// Rules are the user's own exclude and include patterns.
	Rules Rules
}

// takesValue lists the options of rsync(1) whose value may be the next word.
var takesValue = map[string]bool{
	"e": true, "f": true, "B": true, "T": true, "@": true, "M": true,
	"address": true, "backup-dir": true, "block-size": true, "bwlimit": true,
	"cc": true, "checksum-choice": true, "checksum-seed": true, "chmod": true, "chown": true,
	"compare-dest": true, "compress-choice": true, "compress-level": true, "compress-threads": true,
	"confine-root": true, "contimeout": true, "copy-as": true, "copy-dest": true, "debug": true,
	"early-input": true, "exclude": true, "exclude-from": true, "files-from": true,
	"filter": true, "groupmap": true, "iconv": true, "include": true, "include-from": true,
	"info": true, "link-dest": true, "log-file": true, "log-file-format": true,
	"log-format": true, "max-alloc": true, "max-delete": true, "max-size": true, "min-size": true,
	"modify-window": true, "only-write-batch": true, "out-format": true, "outbuf": true,
	"partial-dir": true, "password-file": true, "port": true, "protocol": true,
	"read-batch": true, "remote-option": true, "rsh": true, "rsync-path": true,
	"skip-compress": true, "sockopts": true, "stderr": true, "stop-after": true, "stop-at": true,
	"suffix": true, "temp-dir": true, "time-limit": true, "timeout": true, "usermap": true, "write-batch": true,
	"zc": true, "zl": true, "zt": true,
}

// shortToLong names the long form of short options this package looks at.
var shortToLong = map[byte]string{
	'a': "archive", 'r': "recursive", 'u': "update", 'l': "links", 'p': "perms", 't': "times",
	'o': "owner", 'g': "group", 'D': "D", 'H': "hard-links", 'X': "xattrs", 'A': "acls",
	'c': "checksum", 'e': "rsh", 'f': "filter", '@': "modify-window", 'L': "copy-links",
	'k': "copy-dirlinks", 'v': "verbose", 'q': "quiet", 'i': "itemize-changes",
	'h': "human-readable", 'P': "P", '0': "from0", '8': "8-bit-output", 'V': "version",
	'd': "dirs", 'R': "relative", 'C': "cvs-exclude", 'F': "F",
}

// silenced are options that would change the output this package reads, or
// which it sets itself for every run. The order of a list of names and the
// way it is read are no choice of the user's.
var silenced = map[string]bool{
	"verbose": true, "quiet": true, "itemize-changes": true, "human-readable": true,
	"progress": true, "stats": true, "out-format": true, "log-format": true,
	"info": true, "debug": true, "outbuf": true, "from0": true, "files-from": true,
	"8-bit-output": true, "no-motd": true, "motd": true, "list-only": true, "stderr": true,
	"msgs2stderr": true, "no-msgs2stderr": true, "version": true, "help": true,
	"no-relative": true, "no-R": true, "old-args": true,
}

// ErrParams marks parameters that cannot be used.
var ErrParams = errors.New("rsync parameters")

// ParseParams splits text as the shell of 2.5.4 did: quotes and $VAR work,
// env gives the variables. Substitutions, redirections and command separators
// are refused, since nothing is executed here.
func ParseParams(text string, env func(string) string) (Params, error) {
	words, err := splitWords(text, env)
	if err != nil {
		return Params{}, fmt.Errorf("%w %q: %w; write plain rsync options, quoted as for a shell", ErrParams, text, err)
	}
	var p Params
	for i := 0; i < len(words); i++ {
		used, err := p.word(words[i:])
		if err != nil {
			return Params{}, fmt.Errorf("%w %q: %w", ErrParams, text, err)
		}
		i += used
	}
	return p, nil
}

// splitWords maps bytes to Latin-1 runes and back, so that words in any
// encoding survive a splitter that insists on UTF-8.
func splitWords(text string, env func(string) string) (words []string, err error) {
	defer func() {
		// The splitter panics on process substitution, which this
		// configuration value has no use for either.
		if recover() != nil {
			words, err = nil, errors.New("unexpected shell syntax")
		}
	}()
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("a NUL byte")
	}
	words, err = shell.Fields(toRunes(text), func(name string) string { return toRunes(env(toBytes(name))) })
	for i := range words {
		words[i] = toBytes(words[i])
	}
	return words, err
}

func toRunes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func toBytes(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r == utf8.RuneError {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// word reads one word of the parameters and reports how many further words
// were its value.
func (p *Params) word(words []string) (used int, err error) {
	w := words[0]
	switch {
	case strings.HasPrefix(w, "--") && len(w) > 2:
		return p.long(words)
	case strings.HasPrefix(w, "-") && len(w) > 1:
		return p.cluster(words)
	default:
		return 0, fmt.Errorf("%q is not an option; source and target are set by the localpath and its remotes", w)
	}
}

func (p *Params) long(words []string) (used int, err error) {
	name, value, hasValue := strings.Cut(words[0][2:], "=")
	raw := words[:1]
	if takesValue[name] && !hasValue {
		if len(words) < 2 {
			return 0, fmt.Errorf("--%s needs a value", name)
		}
		value, raw, used = words[1], words[:2], 1
	}
	if value == "-" && (name == "exclude-from" || name == "include-from" || name == "password-file") {
		return 0, fmt.Errorf("--%s=- reads standard input, where the names are; write a file's name", name)
	}
	if p.note(name, value) {
		p.args = append(p.args, raw...)
	}
	if connects[name] {
		p.connection = append(p.connection, raw...)
	}
	return used, nil
}

// connects are the options that decide how the remote is reached and how names
// are written there; they hold for runs that only ask a question, too.
var connects = map[string]bool{
	"rsh": true, "rsync-path": true, "iconv": true, "address": true, "ipv4": true, "ipv6": true,
	"blocking-io": true, "protocol": true, "remote-option": true, "password-file": true, "port": true,
	"timeout": true, "contimeout": true, "sockopts": true,
}

func (p *Params) cluster(words []string) (used int, err error) {
	letters := words[0][1:]
	kept := []byte{'-'}
	for i := 0; i < len(letters); i++ {
		c := letters[i]
		name := shortToLong[c]
		if !takesValue[string(c)] {
			if name == "P" {
				p.note("partial", "")
				p.args = append(p.args, "--partial")
				continue
			}
			if c == '4' || c == '6' {
				p.connection = append(p.connection, "-"+string(c))
			}
			if name == "" || p.note(name, "") {
				kept = append(kept, c)
			}
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if len(words) < 2 {
				return 0, fmt.Errorf("-%c needs a value", c)
			}
			value, used = words[1], 1
		}
		if p.note(name, value) {
			p.flush(kept)
			p.args = append(p.args, "-"+string(c), value)
			if connects[name] || c == 'M' {
				p.connection = append(p.connection, "-"+string(c), value)
			}
			return used, nil
		}
		break
	}
	p.flush(kept)
	return used, nil
}

func (p *Params) flush(cluster []byte) {
	if len(cluster) > 1 {
		p.args = append(p.args, string(cluster))
	}
}

// note records what an option means for this program and tells whether it is
// passed on.
func (p *Params) note(name, value string) (keep bool) {
	if silenced[name] {
		return false
	}
	if name == "del" || strings.HasPrefix(name, "delete") {
		p.Deletes = true
		return false
	}
	on := true
	if rest, off := strings.CutPrefix(name, "no-"); off {
		name, on = rest, false
		if len(rest) == 1 {
			name = shortToLong[rest[0]]
		}
	}
	p.carries(name, on)
	p.NamesFiles = p.NamesFiles || namesFiles[name]
	switch name {
	case "update":
		p.Update = on
	case "checksum":
		p.Checksum = on
	case "rsh":
		p.RemoteShell = true
	case "modify-window":
		p.ModifyWindow = true
	case "timeout":
		p.Timeout = true
	case "inplace", "append", "append-verify", "write-devices":
		p.Inplace = p.Inplace || on
	case "partial-dir":
		p.PartialDir = true
	case "port":
		p.Port, _ = strconv.Atoi(value)
	case "copy-links", "copy-dirlinks", "copy-unsafe-links":
		p.FollowLinks = on
	case "exclude", "include", "filter", "exclude-from", "include-from", "cvs-exclude", "F":
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
	case "xattrs":
		p.Xattrs = on
	case "acls":
		p.ACLs, p.Perms = on, on || p.Perms
	}
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
			if takesValue[name] && !hasValue {
				i++
				words = p.args[i-1 : i+1]
			}
			if !slices.Contains(names, name) {
				out = append(out, words...)
			}
			continue
		}
		if len(a) == 2 && takesValue[a[1:]] {
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
