package brake

import (
	"fmt"
	"net/url"
	"strings"
)

// RawPath is a path of any bytes that passes through JSON unchanged: control
// characters, bytes beyond ASCII, '%', '"' and '\' become %XX.
type RawPath string

// MarshalText implements encoding.TextMarshaler.
func (p RawPath) MarshalText() ([]byte, error) {
	var b strings.Builder
	for i := range len(p) {
		if c := p[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`%"\<>&`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return []byte(b.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *RawPath) UnmarshalText(text []byte) error {
	s, err := url.PathUnescape(string(text))
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	*p = RawPath(s)
	return nil
}
