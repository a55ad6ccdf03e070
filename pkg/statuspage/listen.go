package statuspage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/unixsock"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// listenTCP opens the TCP listeners, none when that is impossible; elsewhere
// is true when they are not on loopback.
func (s *Server) listenTCP(ctx context.Context, token token) (listeners []net.Listener, elsewhere bool) {
	if addr := s.opts.Host.Listen; addr != "" {
		switch {
		case !token.strong():
			s.log.Warn("status page stays on loopback: listening elsewhere needs a token",
				zap.String("address", addr), zap.String("remedy", fmt.Sprintf("name a file with at least %d random characters in <host tokenfile>", minToken)))
		default:
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err == nil {
				return []net.Listener{l}, true
			}
			s.warnListen(addr, err)
		}
	}
	port := s.opts.Host.Port
	if port < 1 || port > 65535 {
		s.log.Warn("status page is off: no usable port", zap.Int("port", port),
			zap.String("remedy", `give <host port> a number from 1 to 65535, or set page="false"`))
		return nil, false
	}
	return s.listenLoopback(ctx, strconv.Itoa(port)), false
}

// listenLoopback listens on both loopback addresses. If the port is in use on the first address,
// the second is not used either: otherwise two programs would answer, depending on the name that is
// used.
func (s *Server) listenLoopback(ctx context.Context, port string) []net.Listener {
	var list []net.Listener
	v4 := net.JoinHostPort("127.0.0.1", port)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", v4)
	switch {
	case err == nil:
		list = append(list, l)
	case errors.Is(err, syscall.EADDRINUSE):
		s.warnListen(v4, err)
		return nil
	}
	l, err6 := new(net.ListenConfig).Listen(ctx, "tcp6", net.JoinHostPort("::1", port))
	switch {
	case err6 == nil:
		list = append(list, l)
	case err != nil:
		s.warnListen(v4, err)
	default:
		s.log.Debug("status page has no ipv6", zap.Error(err6))
	}
	return list
}

func (s *Server) warnListen(addr string, err error) {
	remedy := `correct <host listen> or <host port>, or set page="false"`
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = `another sersync or program has the port; give this file another <host port>, or set page="false"`
	case errors.Is(err, fs.ErrPermission):
		remedy = "ports below 1024 are for root; choose a larger <host port>"
	case errors.As(err, &dns):
		remedy = "the host name in <host listen> has no address; name an address of this machine"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		remedy = "the address in <host listen> is not one of this machine"
	}
	s.log.Warn("status page is off there, syncing goes on", zap.String("address", addr), zap.Error(err), zap.String("remedy", remedy))
}

// listenUnix opens the Unix socket, nil when that is impossible.
func (s *Server) listenUnix(ctx context.Context, path string) net.Listener {
	l, err := openSocket(ctx, path)
	if err != nil {
		s.log.Warn("status socket is off, --status will not work", zap.String("path", path), zap.Error(err),
			zap.String("remedy", "name a file in a directory of this user in <host socket>"))
		return nil
	}
	return l
}

func openSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	// Whoever can put another socket in its place answers --status and --wait.
	if err := safefile.CheckDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// The mode of the socket before bind becomes the mode of the file, so
	// there is no moment at which the file is open to others (net/unix/af_unix.c).
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmodErr error
		if err := c.Control(func(fd uintptr) { chmodErr = unix.Fchmod(int(fd), 0o600) }); err != nil {
			return fmt.Errorf("control socket: %w", err)
		}
		return chmodErr
	}}
	l, err := unixsock.Listen(ctx, lc, path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	return l, nil
}

var (
	errNotSocket = errors.New("is not a socket")
	errAnswers   = errors.New("another sersync answers there")
)

// removeStale removes a socket that a dead process left. It touches nothing
// that is alive or that is not a socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s: %w", path, errNotSocket)
	}
	c, err := unixsock.Dial(ctx, net.Dialer{Timeout: time.Second}, path)
	if err == nil {
		_ = c.Close() // nothing was sent
		return fmt.Errorf("%s: %w", path, errAnswers)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("look at socket: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}
