package refreshcdn

import (
	"strings"

	"github.com/sersync/sersync/pkg/plugins"
)

const (
	hidden = "******"
	// separator stands between several addresses in one field.
	separator = "%0D%0A"
	upperHex  = "0123456789ABCDEF"
)

// request builds the one request for a batch, and the same without the
// password for the log. Both are empty when there is nothing to ask for.
func (p *refresher) request(batch []plugins.Event) (request, logged string, err error) {
	var urls, dirs []string
	for _, ev := range batch {
		address, ok, err := p.target(ev)
		switch {
		case err != nil:
			return "", "", err
		case !ok:
		case ev.Dir:
			dirs = append(dirs, address+"/")
		default:
			urls = append(urls, address)
		}
	}
	var fields string
	if len(urls) > 0 {
		fields += "&urls=" + strings.Join(urls, separator)
	}
	if len(dirs) > 0 {
		fields += "&dirs=" + strings.Join(dirs, separator)
	}
	if fields == "" {
		return "", "", nil
	}
	build := func(password string) string {
		return "HEAD /index.jsp?user=" + p.user + "&pswd=" + password + "&ok=ok" + fields +
			" HTTP/1.0\r\nHost: " + p.host + "\r\n\r\n"
	}
	return build(p.password), build(hidden), nil
}

// target is the public address of a path; ok is false when the expression
// does not match, which keeps the path from the CDN.
func (p *refresher) target(ev plugins.Event) (address string, ok bool, err error) {
	if p.match == nil {
		rest := ""
		if ev.Path != "" {
			rest = "/" + ev.Path
		}
		return p.base + p.encode(rest), true, nil
	}
	group, rest, ok, err := p.match.Search(ev.CleanPath())
	if err != nil || !ok {
		return "", false, err
	}
	return p.base + p.encode(group+rest), true, nil
}

// encode percent-encodes what a name must not bring into the request.
func (p *refresher) encode(name string) string {
	clean := true
	for i := range len(name) {
		if p.unsafe(name[i]) {
			clean = false
			break
		}
	}
	if clean {
		return name
	}
	var b strings.Builder
	b.Grow(len(name) + 16)
	for i := range len(name) {
		c := name[i]
		if p.unsafe(c) {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (p *refresher) unsafe(c byte) bool {
	switch {
	case c < ' ', c == 0x7f, c == '%', c == '&', c == '#', c == '+':
		return true
	case !p.encodeAll:
		return false
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("/-._~", rune(c))
}
