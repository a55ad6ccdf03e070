package rsync

import (
	"strings"
	"testing"
)

func TestGreetingsTellTheRelease(t *testing.T) {
	for line, want := range map[string]string{
		"@RSYNCD: 29.0\n":           "rsync before 3.0|times compared by the second|deletions by patterns",
		"@RSYNCD: 30.0\n":           "rsync 3.0|times compared by the second|deletions by patterns",
		"@RSYNCD: 31.0\n":           "rsync 3.1.0 to 3.2.6|before 3.1.3: times compared by the second",
		"@RSYNCD: 31.0 md5 md4\n":   "rsync 3.2.7 or 3.3",
		"@RSYNCD: 32.0 md5 md4\n":   "rsync 3.4 or newer, or with its security patches",
		"@RSYNCD: 31\r\n":           "rsync 3.1.0 to 3.2.6|before 3.1.3: times compared by the second",
		"SSH-2.0-OpenSSH_9.2p1\r\n": "",
		"@RSYNCD: \n":               "",
		"@RSYNCD: 99999999999.0\n":  "",
		"":                          "",
	} {
		g := ParseGreeting(line)
		if got := strings.Join(append([]string{g.Release()}, g.Expect()...), "|"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestWhichReleasesKeepACopyOfTheSameSecond(t *testing.T) {
	for release, want := range map[string]bool{
		"": true, "rsync 3.2.3": true, ParseGreeting("@RSYNCD: 31.0\n").Release(): true,
		"rsync 3.1.3": false, "rsync 3.2.7": false, "rsync 3.4.3": false,
		ParseGreeting("@RSYNCD: 30.0\n").Release(): false, ParseGreeting("@RSYNCD: 31.0 md5\n").Release(): false, ParseGreeting("@RSYNCD: 32.0 md5\n").Release(): false,
	} {
		if got := KeepsSameSecond(release); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
