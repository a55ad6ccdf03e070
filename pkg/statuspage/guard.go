package statuspage

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/safefile"
	"go.uber.org/zap"
)

// access says who may see what on one listener. It is immutable.
type access struct {
	unix      bool            // the Unix socket: everything, and actions
	tokenOnly bool            // not loopback: no data without the token
	token     token           // unlocks path names
	hosts     map[string]bool // names this machine may be called by, lower case
}

// minToken is how long a token must be to open the page to a network.
const minToken = 16

// maxToken bounds what is read from the token file.
const maxToken = 4 << 10

// token is the hash of a bearer token; the token itself is not kept.
type token struct {
	sum [sha256.Size]byte
	n   int // length of the token; 0: none
}

func newToken(text string) token {
	return token{sum: sha256.Sum256([]byte(text)), n: len(text)}
}

func (t token) strong() bool { return t.n >= minToken }

// is compares in a time that does not depend on the token.
func (t token) is(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return t.n > 0 && subtle.ConstantTimeCompare(t.sum[:], sum[:]) == 1
}

// readToken reads the token file; trouble is logged and means no token.
func (s *Server) readToken() token {
	name := s.opts.Host.TokenFile
	if name == "" {
		return token{}
	}
	text, err := readTokenFile(name)
	if err != nil {
		s.log.Warn("status page has no token", zap.String("path", name), zap.Error(err),
			zap.String("remedy", "put one line of random characters into the file that <host tokenfile> names, readable by this user only"))
		return token{}
	}
	return newToken(text)
}

func readTokenFile(name string) (string, error) {
	b, _, err := safefile.ReadSecret(name, maxToken)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("read token: %s is empty", name)
	}
	return text, nil
}

// hostNames are the names under which a browser may ask for the page. An
// address needs no entry: a name that is rebound to this machine (DNS
// rebinding) arrives as that name.
func (s *Server) hostNames() map[string]bool {
	names := map[string]bool{}
	add := func(h string) {
		if h != "" {
			names[strings.ToLower(h)] = true
		}
	}
	add(s.opts.Host.IP)
	if h, _, err := net.SplitHostPort(s.opts.Host.Listen); err == nil {
		add(h)
	}
	if h, err := os.Hostname(); err == nil {
		add(h)
	}
	return names
}

func (a access) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || a.hosts[host] {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// safeHeaders keep the page from being framed, sniffed, cached or made to load
// anything that is not its own.
func safeHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// foreign is true for a request that another site made a browser send. The
// socket needs this too: ssh forwards it to a local port.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method == http.MethodPost
	}
	return false
}

// guard passes on the requests that may be answered at all.
func (a access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safeHeaders(w.Header())
		switch {
		case !a.hostAllowed(r.Host):
			http.Error(w, "this host name is not known here; use an address, localhost or the name in <host hostip>", http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "not for other sites", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead && !(a.unix && r.Method == http.MethodPost):
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "read only", http.StatusMethodNotAllowed)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
			next.ServeHTTP(w, r)
		}
	})
}

// names decides whether this request may see path names. ok is false when the
// request has been refused.
func (a access) names(w http.ResponseWriter, r *http.Request) (names, ok bool) {
	if a.unix {
		return true, true
	}
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := strings.EqualFold(scheme, "bearer")
	if given && a.token.is(text) {
		return true, true
	}
	if !given && !a.tokenOnly {
		return false, true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="sersync"`)
	fail(w, http.StatusUnauthorized, "the token from <host tokenfile> is needed: Authorization: Bearer TOKEN")
	return false, false
}
