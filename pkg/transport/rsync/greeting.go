package rsync

import (
	"regexp"
	"strconv"

	"github.com/sersync/sersync/pkg/transport"
)

// Greeting is what an rsync daemon says first.
type Greeting struct {
	// Protocol is the newest protocol that it speaks; 0: this is no rsync daemon.
	Protocol int
	// Digests says that it names the digests for passwords.
	Digests bool
}

var greeting = regexp.MustCompile(`^@RSYNCD: (\d{1,4})(?:\.\d+)?( .+)?\s*$`)

// ParseGreeting reads the first line of a session.
func ParseGreeting(line string) (g Greeting) {
	m := greeting.FindStringSubmatch(line)
	if m == nil {
		return g
	}
	g.Protocol, _ = strconv.Atoi(m[1])
	g.Digests = m[2] != ""
	return g
}

// Release tells people which rsync it is, as far as the greeting shows; empty:
// not at all.
func (g Greeting) Release() string {
	switch {
	case g.Protocol == 0:
		return ""
	case g.Protocol < 30:
		return "rsync before 3.0"
	case g.Protocol == 30:
		return "rsync 3.0"
	case g.Protocol == 31 && !g.Digests:
		return "rsync 3.1.0 to 3.2.6"
	case g.Protocol == 31:
		return "rsync 3.2.7 or 3.3"
	default:
		return "rsync 3.4 or newer, or with its security patches"
	}
}

// Expect tells people which options are not used with such a daemon, as far as the greeting shows
// it; runs show the rest.
func (g Greeting) Expect() (without []string) {
	switch {
	case g.Protocol == 31 && !g.Digests:
		return []string{"before 3.1.3: times compared by the second"}
	case g.Protocol > 0 && g.Protocol < 31:
		return transport.Capabilities{}.Lacking(transport.Nanoseconds, transport.MissingArgs).Without()
	default:
		return nil
	}
}
