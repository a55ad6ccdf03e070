// Package setup makes the first configuration of a site: a directory, a target and a user
// become a confxml.xml, a password file, and what the other side needs.
//
// It asks for what is missing, and makes the texts. The caller writes the files.
package setup

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Site is one directory and where it is mirrored to.
type Site struct {
	Dir  string // absolute
	Host string
	Port int    // of the rsync daemon; 0: its default
	Name string // module, with a path in it if wanted; with SSH a path
	SSH  bool
	User string // empty: none
	// PasswordFile is absolute; empty: none, as with SSH and without a user.
	PasswordFile string
}

// Target reads where to mirror to, as rsync writes it: HOST::MODULE, HOST:/PATH for ssh,
// or rsync://HOST[:PORT]/MODULE, each with USER@ before HOST if wanted.
func (s *Site) Target(text string) error {
	const forms = "write HOST::MODULE for an rsync daemon, rsync://HOST:PORT/MODULE for one on another port, or HOST:/PATH for ssh"
	t := Site{Dir: s.Dir, User: s.User, PasswordFile: s.PasswordFile}
	read := t.colons
	if strings.HasPrefix(text, "rsync://") {
		read = t.url
	}
	switch ok := read(text); {
	case !ok:
		return fmt.Errorf("%q is no target; %s", text, forms)
	case t.Host == "" || t.Name == "":
		return fmt.Errorf("%q names no host, or nothing on it; %s", text, forms)
	case t.SSH && !strings.HasPrefix(t.Name, "/"):
		return fmt.Errorf("%q: the path on the other side does not begin with a slash; %s", text, forms)
	case !t.SSH && strings.HasPrefix(t.Name, "/"):
		return fmt.Errorf("%q: a module does not begin with a slash; %s", text, forms)
	}
	for _, value := range []string{t.Host, t.Name, t.User} {
		if err := plain(value); err != nil {
			return err
		}
	}
	*s = t
	return nil
}

// url reads rsync://HOST/MODULE.
func (s *Site) url(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	s.Host, s.Name = u.Hostname(), strings.TrimPrefix(u.Path, "/")
	s.Port, _ = strconv.Atoi(u.Port())
	if name := u.User.Username(); name != "" {
		s.User = name
	}
	return true
}

// colons reads HOST::MODULE and HOST:/PATH.
func (s *Site) colons(text string) bool {
	host, name, ok := cutHost(text)
	if !ok {
		return false
	}
	if user, rest, ok := strings.Cut(host, "@"); ok {
		s.User, host = user, rest
	}
	s.Host = strings.Trim(host, "[]")
	s.Name, ok = strings.CutPrefix(name, ":")
	s.SSH = !ok
	return true
}

// cutHost cuts at the first colon that is not in brackets.
func cutHost(text string) (host, name string, ok bool) {
	at := strings.IndexByte(text, '[')
	end := strings.IndexByte(text, ']')
	if at >= 0 && end > at {
		host, name, ok = strings.Cut(text[end:], ":")
		return text[:end] + host, name, ok
	}
	return strings.Cut(text, ":")
}

// plain refuses characters that mean something to a shell: 2.5.4 passes these values to one, and
// the file has to mean the same to both programs.
func plain(value string) error {
	if i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("\"'`$\\ ", r) }); i >= 0 || strings.HasPrefix(value, "-") {
		return fmt.Errorf("%q holds what a shell would read; take another name, or write the file by hand", value)
	}
	return nil
}

// SetUser sets the user of the rsync daemon, or of ssh; empty: none.
func (s *Site) SetUser(user string) error {
	if strings.ContainsAny(user, ":@/") {
		return fmt.Errorf("%q is no user: it holds a colon, an @ or a slash", user)
	}
	if err := plain(user); err != nil {
		return err
	}
	s.User = user
	return nil
}

// SetPasswordFile sets the file of the password.
func (s *Site) SetPasswordFile(path string) error {
	abs, err := filepath.Abs(path)
	if err == nil {
		err = plain(abs)
	}
	if err == nil {
		s.PasswordFile = abs
	}
	return err
}

// NeedsPassword tells whether the site logs in by a password.
func (s *Site) NeedsPassword() bool { return !s.SSH && s.User != "" }

// Module is the module alone, without a path in it.
func (s *Site) Module() string {
	module, _, _ := strings.Cut(s.Name, "/")
	return module
}

// Config is the configuration file, as 2.5.4 reads it, too.
func (s *Site) Config() string {
	on := func(b bool) string { return strconv.FormatBool(b) }
	user, file := "root", "/etc/rsync.pas"
	if s.NeedsPassword() {
		user, file = s.User, s.PasswordFile
	}
	remote := fmt.Sprintf(`<remote ip="%s" name="%s"`, escape(s.Host), escape(s.Name))
	if s.SSH && s.User != "" {
		remote += fmt.Sprintf(` user="%s"`, escape(s.User))
	}
	port := s.Port
	if port == 0 {
		port = 874
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="ISO-8859-1"?>
<head version="2.5">
    <host hostip="localhost" port="8008"></host>
    <debug start="false"/>
    <fileSystem xfs="false"/>
    <filter start="false">
    </filter>
    <inotify>
	<delete start="true"/>
	<createFolder start="true"/>
	<createFile start="false"/>
	<closeWrite start="true"/>
	<moveFrom start="true"/>
	<moveTo start="true"/>
	<attrib start="false"/>
	<modify start="false"/>
    </inotify>

    <sersync>
	<localpath watch="%s">
	    %s/>
	</localpath>
	<rsync>
	    <commonParams params="-artuz"/>
	    <auth start="%s" users="%s" passwordfile="%s"/>
	    <userDefinedPort start="%s" port="%d"/>
	    <timeout start="true" time="100"/>
	    <ssh start="%s"/>
	</rsync>
	<failLog path="/tmp/rsync_fail_log.sh" timeToExecute="60"/>
	<crontab start="false" schedule="600">
	    <crontabfilter start="false">
	    </crontabfilter>
	</crontab>
	<plugin start="false" name="command"/>
    </sersync>
</head>
`, escape(s.Dir), remote, on(s.NeedsPassword()), escape(user), escape(file), on(s.Port != 0), port, on(s.SSH))
}

// escape writes a value into an attribute; other bytes stay as they are.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", "&#10;", "\r", "&#13;", "\t", "&#9;").Replace(s)
}

// From is the address of this host as the other side sees it if no NAT is between them; empty:
// unknown. Nothing is sent.
func (s *Site) From() string {
	conn, err := net.Dial("udp", net.JoinHostPort(s.Host, "873")) //nolint:noctx // no packet is sent
	if err != nil {
		return ""
	}
	defer conn.Close()
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	return host
}
