package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Option is the one word of the command line with which rsync runs this program to
// connect for it.
const Option = "--rsync-connect"

// connectTime bounds connecting and agreeing on TLS.
const connectTime = 20 * time.Second

const (
	programVariable = "SERSYNC_TUNNEL_PROGRAM"
	wayVariable     = "SERSYNC_TUNNEL"
	// shellText is all that a shell sees.
	shellText = `exec "$` + programVariable + `" ` + Option
)

// request is what the variable of the way holds.
type request struct {
	Way
	Address string `json:"address"`
}

// Environment are the variables with which rsync connects to an address by this way.
// program is the absolute path of this program.
func (w Way) Environment(program, address string) []string {
	data, _ := json.Marshal(request{Way: w, Address: address}) // strings alone
	return []string{
		"RSYNC_CONNECT_PROG=" + shellText, programVariable + "=" + program, wayVariable + "=" + string(data),
		"RSYNC_SHELL=/bin/sh", // newer releases of rsync run the command with it
	}
}

// Connect is what this program does with Option: it joins its standard input and output,
// which are a socket of rsync's, to the remote. Its status is 0 once either side has
// ended, and 1 when there was no connection; the reason is on standard error.
func Connect() int {
	var r request
	if err := json.Unmarshal([]byte(os.Getenv(wayVariable)), &r); err != nil {
		fmt.Fprintf(os.Stderr, "sersync: %s is for rsync, which names the remote in %s: %v\n", Option, wayVariable, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	stop := watchClosed(os.Stdin, cancel)
	conn, err := r.Dial(ctx, r.Address)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, said(err, r.Address))
		return 1
	}
	// rsync writes in small pieces, and so do we.
	_ = unix.SetsockoptInt(1, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := join(conn, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, said(err, r.Address))
		return 1
	}
	return 0
}

// watchClosed calls gone when rsync has closed its end of the socket, as it does when it is
// killed while a remote does not answer. stop ends the watch.
func watchClosed(socket *os.File, gone func()) (stop func()) {
	ended, end, err := os.Pipe()
	if err != nil {
		return func() {} // connectTime is a bound, too
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		fds := []unix.PollFd{{Fd: int32(socket.Fd()), Events: unix.POLLRDHUP}, {Fd: int32(ended.Fd())}}
		for {
			_, err := unix.Poll(fds, -1)
			switch {
			case errors.Is(err, unix.EINTR):
			case err == nil && fds[0].Revents != 0:
				gone()
				return
			default:
				return
			}
		}
	})
	return func() {
		_ = end.Close()
		watching.Wait()
		_ = ended.Close()
	}
}

// said writes an error as a line that rsync and package rsync understand.
func said(err error, address string) string {
	var tls *Error
	var errno syscall.Errno
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &tls):
		return tls.Error()
	case errors.As(err, &dns):
		return fmt.Sprintf("%sCould not resolve hostname %s: %s", prefix, strconv.Quote(dns.Name), dns.Err)
	case errors.As(err, &errno) && errno == syscall.ECONNREFUSED:
		return fmt.Sprintf("%s%s: Connection refused", prefix, address)
	case errors.As(err, &errno) && (errno == syscall.EHOSTUNREACH || errno == syscall.ENETUNREACH):
		return fmt.Sprintf("%s%s: No route to host", prefix, address)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("%s%s: Connection timed out", prefix, address)
	}
	return prefix + address + ": " + err.Error()
}

// join copies both ways until one of them ends. rsync ends with the whole connection and never with
// a half of it. A remote that accepts no more data may have said why: that is still passed on.
func join(conn net.Conn, in io.Reader, out io.Writer) error {
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, in)
		sent <- err
	}()
	go func() {
		_, err := io.Copy(out, conn)
		received <- err
	}()
	var err error
	select {
	case err = <-sent:
		if err != nil {
			_ = conn.SetReadDeadline(time.Now().Add(lastWords))
			err = <-received
		}
	case err = <-received:
	}
	_ = conn.Close()
	var tls *Error
	if errors.As(err, &tls) {
		return err
	}
	return nil // rsync says what a connection that breaks off means
}

// lastWords is how long a remote that accepts no more data has to say why.
const lastWords = 2 * time.Second
