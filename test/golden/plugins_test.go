package golden

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sersync/sersync/internal/testkit"
)

// checkPlugins checks what the command plugin, the sockets and the refreshCDN log have received.
func (s *scene) checkPlugins() {
	if !s.w.plugAny {
		lines := s.w.plugged
		if lines == nil {
			if n := s.r.Cwds["plug.log"]; n.Text != nil {
				lines = strings.Split(strings.TrimSpace(string(*n.Text)), "\n")
			}
		}
		s.wantAll("plug.log", lines, func() []string { return strings.Split(s.read("cwd/plug.log"), "\n") })
		if len(lines) == 0 && s.read("cwd/plug.log") != "" {
			s.t.Errorf("plugin called: %s", s.read("cwd/plug.log"))
		}
	}
	if !s.w.tcpAny {
		for _, c := range s.r.TCP {
			text := s.fill.Replace(string(c.Text))
			testkit.Eventually(s.t, arrival, fmt.Sprintf("connection with %.200q", text), func() bool { return s.tcp.received(text) > 0 })
		}
	}
	if n := s.r.Cwds["errorlog.txt"]; n.Text != nil && !s.w.errorLog {
		// 2.5.4 wrote the password into this file; this program must not.
		text := strings.ReplaceAll(s.fill.Replace(string(*n.Text)), "pswd=pp&", "pswd=******&")
		records := strings.Split(strings.TrimSuffix(text, "\r\n\r\n\n"), "\r\n\r\n\n")
		s.wantAll("errorlog.txt", records, func() []string { return strings.Split(s.read("cwd/errorlog.txt"), "\r\n\r\n\n") })
	}
}

func (s *scene) wantAll(file string, lines []string, got func() []string) {
	for _, line := range lines {
		line = s.fill.Replace(line)
		if line == "" {
			continue
		}
		if !testkit.Poll(arrival, func() bool { return slices.Contains(got(), line) }) {
			s.t.Errorf("%s: no %q in %q", file, line, got())
		}
	}
}
