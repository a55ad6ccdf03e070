package confxml

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// destination reads what people write into ip= and name= besides a host and a module: a URL, a
// user, a port. What cannot be understood stays as it is, and is reported; rsync would get it as
// one argument and fail.
type destination struct {
	r        *reader
	m        *Remote
	ip, name value
	// ownUser says that the remote has a user of its own.
	ownUser bool
}

func (d destination) read() {
	d.url()
	d.user()
	d.port()
	d.host()
	d.module()
}

func (d destination) say(v value, s Severity, message, remedy string) {
	d.r.add(Problem{Line: v.line, Element: v.element, Message: message, Remedy: remedy, Severity: s})
}

// url takes rsync://HOST/MODULE apart.
func (d destination) url() {
	const scheme = "rsync://"
	if len(d.m.IP) < len(scheme) || !strings.EqualFold(d.m.IP[:len(scheme)], scheme) {
		return
	}
	host, path, _ := strings.Cut(d.m.IP[len(scheme):], "/")
	path = strings.Trim(path, "/")
	if d.m.Name == "" {
		d.m.Name = path
	}
	if path != "" && path != strings.Trim(d.m.Name, "/") {
		return // two hosts are given, and it is unknown which one is meant: host reports it
	}
	d.say(d.ip, Warning, fmt.Sprintf("%q is read as the host %q", d.m.IP, host), "write the host alone in ip=, and the module in name=")
	d.m.IP = host
}

// user takes USER@ off the host, as rsync does.
func (d destination) user() {
	i := strings.LastIndexByte(d.m.IP, '@')
	if i < 0 {
		return
	}
	user, host := d.m.IP[:i], d.m.IP[i+1:]
	if used := d.m.User; used != "" && used != user {
		if !d.ownUser {
			used = user
		}
		d.say(d.ip, Warning, fmt.Sprintf("the user is given twice, as %q and as %q: %q is used", user, d.m.User, used), "remove one of them")
	}
	d.m.IP = host
	if !d.ownUser {
		d.m.User = user
		d.r.userName(value{text: user, line: d.ip.line, element: d.ip.element})
	}
}

// userName checks a user name: rsync searches user and host together for the end of the host.
func (r *reader) userName(v value) {
	if i := strings.IndexAny(v.text, ":/"); i >= 0 {
		r.fault(v.line, v.element, fmt.Sprintf("the user %q has %q in it, where rsync takes the host to end", v.text, v.text[i]),
			"write the user's name alone, and the password alone into the file that passwordfile= names")
	}
}

// port takes :PORT off the host. Behind more than one colon it is a port only
// where brackets end an IPv6 address.
func (d destination) port() {
	host, port, ok := strings.Cut(d.m.IP, ":")
	if strings.HasPrefix(d.m.IP, "[") {
		i := strings.IndexByte(d.m.IP, ']') + 1
		host = d.m.IP[:i]
		port, ok = strings.CutPrefix(d.m.IP[i:], ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 {
		return // an IPv6 address, or something that host refuses
	}
	d.say(d.ip, Warning, fmt.Sprintf("%q is read as the host %q with the port %d", d.m.IP, host, d.portUsed(int(n))), fmt.Sprintf(`write ip="%s" port="%d"`, host, d.portUsed(int(n))))
	d.m.IP = host
	if !d.m.OwnPort {
		d.m.Port, d.m.PortText, d.m.OwnPort = int(n), port, true
	}
}

// portUsed is the remote's own port where it has one.
func (d destination) portUsed(n int) int {
	if d.m.OwnPort {
		return d.m.Port
	}
	return n
}

const (
	typographicQuotes = "“”„‟‘’‚‛«»＂＇"
	oneHostEach       = `give each host a <remote ip="HOST" name="MODULE"/> of its own`
)

// host checks what is left of ip=.
func (d destination) host() {
	host := d.m.IP
	if host == "" || isAddress(host) {
		return
	}
	i := strings.IndexFunc(host, func(r rune) bool { return !ofHost(r) })
	switch {
	case i >= 0:
		r, _ := utf8.DecodeRuneInString(host[i:])
		d.badCharacter(i, r)
	case strings.Contains(host, "::"):
		d.say(d.ip, Fault, fmt.Sprintf("%q is no host: sersync writes the colons before the module", host), "write the host alone in ip=, and the module in name=")
	case strings.ContainsAny(host, ":[]"):
		d.say(d.ip, Fault, fmt.Sprintf("%q is neither a host nor an address with a port", host), `write ip="HOST", and a port of its own as port="873"`)
	}
}

// badCharacter says why r, at i, can stand in no host.
func (d destination) badCharacter(i int, r rune) {
	host := d.m.IP
	switch {
	case r == '/':
		// rsync would take the value for a directory of this host.
		d.say(d.ip, Refusal, fmt.Sprintf("%q has a slash in it, which no host has", host), "write the host alone in ip=, and the module or path in name=")
	case strings.ContainsRune(",;，；、", r) || unicode.IsSpace(r):
		d.say(d.ip, Fault, fmt.Sprintf("%q is not one host", host), oneHostEach)
	case i == 0 && strings.ContainsRune(typographicQuotes, r):
		// The reader has said it.
	default:
		d.say(d.ip, Fault, fmt.Sprintf("%q has %q in it, which no host has", host, r), `write a host name or an address: ip="HOST"`)
	}
}

// ofHost tells whether a host may have a character. Letters of any script may
// stand in /etc/hosts, and so may bytes that are no UTF-8.
func ofHost(r rune) bool {
	switch {
	case r == utf8.RuneError:
		return true
	case r > unicode.MaxASCII:
		return !unicode.IsSpace(r) && !unicode.IsPunct(r) && !unicode.IsSymbol(r)
	}
	return r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("-._:[]%", r)
}

// isAddress tells whether a host is an address, an IPv6 one with or without
// brackets.
func isAddress(host string) bool {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// module checks name=.
func (d destination) module() {
	name := d.m.Name
	switch {
	case name == "":
	case strings.Contains(name, "://"), strings.HasPrefix(name, d.m.IP+":"), !d.m.SSH && strings.Contains(name, "::"), name[0] == ':':
		d.say(d.name, Fault, fmt.Sprintf("%q names more than a module or a path", name), "write the host in ip=, and here what follows its colons")
	case d.m.SSH:
	case name[0] == '/' || name[0] == '~':
		d.say(d.name, Fault, fmt.Sprintf("%q is a path, and without ssh an rsync daemon wants the name of one of its modules", name),
			`write the name that stands in [brackets] in rsyncd.conf on the remote; or, if the path is meant, <ssh start="true"/>`)
	case name[0] == '[' && strings.Contains(name, "]"):
		d.say(d.name, Fault, fmt.Sprintf("%q has the brackets of rsyncd.conf, which are no part of the module's name", name), fmt.Sprintf("write name=%q", strings.Trim(name, "[]")))
	case slices.Contains(strings.Split(name, "/"), ".."):
		d.say(d.name, Fault, fmt.Sprintf("%q has .. in it, which an rsync daemon takes away: the files land elsewhere", name), "write the module and the path in it without ..")
	}
}
