package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestTarget(t *testing.T) {
	for text, want := range map[string]Site{
		"web1::www":                      {Host: "web1", Name: "www"},
		"web1::www/sub/dir":              {Host: "web1", Name: "www/sub/dir"},
		"bob@192.168.1.2::www":           {Host: "192.168.1.2", Name: "www", User: "bob"},
		"[2001:db8::1]::www":             {Host: "2001:db8::1", Name: "www"},
		"bob@[2001:db8::1]::www":         {Host: "2001:db8::1", Name: "www", User: "bob"},
		"rsync://bob@web1:8730/www/sub/": {Host: "web1", Port: 8730, Name: "www/sub/", User: "bob"},
		"rsync://web1/www":               {Host: "web1", Name: "www"},
		"web1:/srv/www":                  {Host: "web1", Name: "/srv/www", SSH: true},
		"deploy@web1:/srv/www":           {Host: "web1", Name: "/srv/www", SSH: true, User: "deploy"},
	} {
		var s Site
		if err := s.Target(text); err != nil || s != want {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{
		"", "web1", "web1:", "web1::", "::www", "web1:www", "web1::/www", "rsync://", "rsync://web1/", "web1::a b", "web1::$(x)", "web1::`x`", "we'b::x", "-e::x", "web1::a\nb", "[::1::x",
	} {
		s := Site{Dir: "/d"}
		if err := s.Target(text); err == nil || s != (Site{Dir: "/d"}) {
			t.Errorf("%q is taken: %+v", text, s)
		}
	}
}

// TestConfig: when the written file is read, it says what was asked for, and gives no warning.
func TestConfig(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a & b \"<x>\" 'y' $z")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pas")
	if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		target, user string
		want         confxml.Remote
	}{
		"daemon":       {"rsync://web1:8730/www/sub", "bob", confxml.Remote{IP: "web1", Name: "www/sub", User: "bob", PasswordFile: file, Port: 8730}},
		"without user": {"[::1]::www", "", confxml.Remote{IP: "::1", Name: "www"}},
		"ssh":          {"web1:/srv", "deploy", confxml.Remote{IP: "web1", Name: "/srv", User: "deploy", SSH: true}},
	} {
		t.Run(name, func(t *testing.T) {
			a := Asker{In: os.Stdin, Out: os.Stderr}
			s, err := a.Site(Given{Dir: dir, Target: tt.target, User: tt.user, PasswordFile: file}, "/nonexistent/pas")
			if err != nil {
				t.Fatal(err)
			}
			conf, err := confxml.Parse("c.xml", []byte(s.Config()))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range append(conf.Warnings, conf.Problems()...) {
				if p.Severity > confxml.Note {
					t.Errorf("%s", p)
				}
			}
			l := conf.LocalPaths[0]
			got := l.Remotes[0]
			if l.Watch != dir || len(conf.LocalPaths) != 1 || len(l.Remotes) != 1 || got.IP != tt.want.IP || got.Name != tt.want.Name || got.User != tt.want.User ||
				got.PasswordFile != tt.want.PasswordFile || got.Port != tt.want.Port || got.SSH != tt.want.SSH {
				t.Errorf("%q: %+v", l.Watch, got)
			}
		})
	}
}

func TestOtherSide(t *testing.T) {
	s := Site{Dir: "/d", Host: "web1", Name: "www/sub", User: "bob", PasswordFile: "/etc/p"}
	for _, want := range []string{"[www]\n", "auth users = bob", "secrets file = /etc/rsyncd.secrets", "read only = no", "hosts allow = 192.0.2.7", "    bob:secret\n"} {
		for _, chinese := range []bool{false, true} {
			if got := s.OtherSide(chinese, "secret", "192.0.2.7"); !strings.Contains(got, want) {
				t.Errorf("%q is missing:\n%s", want, got)
			}
		}
	}
	if got := s.OtherSide(false, "", ""); strings.Contains(got, "www #") { // the part of the text about rsyncd
		t.Errorf("%s", got)
	}
	if got := s.OtherSide(false, "", ""); !strings.Contains(got, "bob:PASSWORD") || strings.Contains(got, "hosts allow") {
		t.Errorf("%s", got)
	}
	s = Site{Dir: "/d", Host: "web1", Name: "/srv", User: "bob", SSH: true}
	if got := s.OtherSide(false, "", ""); !strings.Contains(got, "ssh-copy-id bob@web1") || strings.Contains(got, "rsyncd") {
		t.Errorf("%s", got)
	}
}

// Without a terminal nobody is asked anything.
func TestNobodyToAsk(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var out strings.Builder
	a := Asker{In: null, Out: &out}
	if _, err := a.Site(Given{Dir: t.TempDir()}, "/p"); err != ErrNoAnswer { //nolint:errorlint // exactly this error is expected
		t.Errorf("%v", err)
	}
	if a.Replace("a", "b") || a.Password("u") != "" || out.Len() > 0 {
		t.Errorf("asked: %s", out.String())
	}
	for _, bad := range []Given{{Dir: "/nonexistent", Target: "h::m"}, {Dir: "/dev/null", Target: "h::m"}, {Dir: "/", Target: "h"}, {Dir: "/", Target: "h::m", User: "a:b"}} {
		if _, err := a.Site(bad, "/p"); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
