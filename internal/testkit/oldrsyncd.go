package testkit

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Release is how the daemon of an old rsync greets its clients, and how it treats an argument that
// it does not know.
type Release struct {
	// Greeting is the protocol that the daemon offers.
	Greeting string
	// Refuses are the refused arguments in the form in which a client sends them.
	Refuses []string
	// Literal says that the daemon takes the backslashes with which a client escapes options for a
	// part of them.
	Literal bool
	// Tells says that the daemon names the argument that it refuses before it closes the
	// connection. Otherwise it resets the connection, and gives the reason only in its own log.
	Tells bool
}

// These releases were recorded.
var (
	Rsync309 = Release{Greeting: "30.0", Refuses: []string{"-@-1", "--delete-missing-args", "--mkpath"}, Literal: true, Tells: true}
	Rsync312 = Release{Greeting: "31.0", Refuses: []string{"-@-1", "--mkpath"}, Literal: true}
	Rsync313 = Release{Greeting: "31.0", Refuses: []string{"--mkpath"}, Literal: true}
	// RsyncNow refuses no argument.
	RsyncNow = Release{Greeting: "32.0 sha512 sha256 sha1 md5 md4"}
	// RsyncDead resets every connection as soon as it has the arguments.
	RsyncDead = Release{Greeting: "31.0", Refuses: []string{"--server"}}
)

// OldRsyncd is an rsync daemon that greets and refuses as an old release does, and hands everything
// else to a real daemon of this host. It cannot serve a module with "auth users", and no message of
// the day.
type OldRsyncd struct {
	t       testing.TB
	real    *RsyncDaemon
	listen  net.Listener
	serving sync.WaitGroup

	mu      sync.Mutex
	release Release
	refused int
	open    map[net.Conn]bool
}

// NewOldRsyncd starts an old daemon in front of a real one; it ends with the test.
func NewOldRsyncd(t testing.TB, release Release, real *RsyncDaemon) *OldRsyncd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	d := &OldRsyncd{t: t, real: real, listen: l, release: release, open: map[net.Conn]bool{}}
	d.serving.Go(d.accept)
	t.Cleanup(func() {
		l.Close()
		d.hangUp()
		d.serving.Wait()
	})
	return d
}

// Port is the port on which the daemon listens.
func (d *OldRsyncd) Port() int { return d.listen.Addr().(*net.TCPAddr).Port }

// Become replaces the release, as an upgrade in place does. Open sessions are ended.
func (d *OldRsyncd) Become(release Release) {
	d.mu.Lock()
	d.release = release
	d.mu.Unlock()
	d.hangUp()
}

// Refused is how many sessions the daemon has refused.
func (d *OldRsyncd) Refused() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused
}

func (d *OldRsyncd) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		c.Close()
	}
}

func (d *OldRsyncd) accept() {
	for {
		c, err := d.listen.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		d.open[c] = true
		release := d.release
		d.mu.Unlock()
		d.serving.Go(func() {
			// A client may leave at any time.
			_ = d.session(c, release)
			d.mu.Lock()
			delete(d.open, c)
			d.mu.Unlock()
			c.Close()
		})
	}
}

// session serves one client until its arguments have come, and hands it over if they are accepted.
func (d *OldRsyncd) session(c net.Conn, release Release) error {
	in := bufio.NewReader(c)
	fmt.Fprintf(c, "@RSYNCD: %s\n", release.Greeting)
	if _, err := in.ReadString('\n'); err != nil { // the line is the client's greeting
		return err
	}
	module, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Fprint(c, "@RSYNCD: OK\n")
	args, err := arguments(in)
	if err != nil {
		return err
	}
	var apart []string // what a client with -s keeps off the command line, and so does not escape
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-s") }) {
		if apart, err = arguments(in); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(args, apart) {
		if slices.Contains(release.Refuses, a) {
			return d.refuse(c, release, a)
		}
	}
	if release.Literal {
		for i := range max(0, slices.Index(args, ".")) {
			args[i] = strings.ReplaceAll(args[i], `\`, `\\`)
		}
	}
	return d.handOver(c, in, release, module, args, apart)
}

// arguments reads the arguments: each one ends with NUL, and an empty one ends the list.
func arguments(in *bufio.Reader) (args []string, err error) {
	for {
		a, err := in.ReadString(0)
		if err != nil || a == "\x00" {
			return args, err
		}
		args = append(args, strings.TrimSuffix(a, "\x00"))
	}
}

// refuse ends a session. Before that it sends the flags of the protocol and the seed of its
// checksums.
func (d *OldRsyncd) refuse(c net.Conn, release Release, arg string) error {
	d.mu.Lock()
	d.refused++
	d.mu.Unlock()
	out := []byte{0x0e, 1, 2, 3, 4}
	if !release.Tells {
		_, err := c.Write(out)
		_ = c.(*net.TCPConn).SetLinger(0) // the close becomes a reset
		return err
	}
	for _, line := range []string{
		"rsync: on remote machine: " + arg + ": unknown option\n",
		"rsync error: requested action not supported (code 4) at clientserver.c(849) [Receiver=3.0.9]\n",
	} {
		const messageOfError = (7 + 3) << 24
		out = binary.LittleEndian.AppendUint32(out, messageOfError|uint32(len(line)))
		out = append(out, line...)
	}
	if _, err := c.Write(out); err != nil {
		return err
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, err := io.Copy(io.Discard, c)
	return err
}

// handOver has the real daemon carry out the session, in the old protocol.
func (d *OldRsyncd) handOver(c net.Conn, in io.Reader, release Release, module string, args, apart []string) error {
	back, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.real.Port())))
	if err != nil {
		return err
	}
	defer back.Close()
	from := bufio.NewReader(back)
	fmt.Fprintf(back, "@RSYNCD: %s\n%s", release.Greeting, module)
	for line := ""; line != "@RSYNCD: OK\n"; {
		if line, err = from.ReadString('\n'); err != nil {
			return err
		}
	}
	fmt.Fprint(back, strings.Join(args, "\x00")+"\x00\x00")
	if apart != nil {
		fmt.Fprint(back, strings.Join(apart, "\x00")+"\x00\x00")
	}
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(back, in)
		_ = back.(*net.TCPConn).CloseWrite()
	})
	_, err = io.Copy(c, from)
	_ = c.(*net.TCPConn).CloseWrite()
	c.Close()
	up.Wait()
	return err
}
