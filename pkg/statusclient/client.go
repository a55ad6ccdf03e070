// Package statusclient asks a running sersync for its status, and for actions,
// over the Unix socket that package statuspage serves. It is what
// "sersync --status" is made of.
package statusclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/unixsock"
)

// ErrNotRunning says that nobody answers at the socket.
var ErrNotRunning = errors.New("sersync is not running")

// ErrNoConfig says that the socket could not be found out.
var ErrNoConfig = errors.New("nobody to ask")

// ErrForeign says that the socket belongs to another user, who could answer
// anything.
var ErrForeign = errors.New("the socket belongs to another user")

// answerTime is how long an answer may take, and questionTime an answer for which the program asks
// its remotes.
const (
	answerTime   = 5 * time.Second
	questionTime = 12 * time.Second
)

// maxAnswer bounds an answer: some thousand lanes with full histories.
const maxAnswer = 64 << 20

// Client talks to one running sersync. It keeps no connection open and is safe
// for concurrent use.
type Client struct {
	socket string
	http   *http.Client
}

// New is a client of the sersync behind the Unix socket.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return unixsock.Dial(ctx, net.Dialer{}, socket)
	}
	return &Client{socket, &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// StatusJSON is the answer of /api/status as it came. The error is
// ErrNotRunning, ErrForeign, or what went wrong with an answer.
func (c *Client) StatusJSON(ctx context.Context) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/api/status", nil)
}

// Status is the current status, at most statuspage.CacheTime old.
func (c *Client) Status(ctx context.Context) (status.Snapshot, error) {
	var s status.Snapshot
	b, err := c.StatusJSON(ctx)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	return s, nil
}

// Act asks for an action on the lane with this id, or on every lane when it is
// empty. The work has begun when Act returns nil, not ended.
func (c *Client) Act(ctx context.Context, verb status.Verb, lane string) error {
	body, err := json.Marshal(status.Request{Lane: lane})
	if err != nil {
		return fmt.Errorf("ask for %s: %w", verb, err)
	}
	_, err = c.do(ctx, http.MethodPost, "/api/"+string(verb), body)
	return err
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	if err := c.checkOwner(); err != nil {
		return nil, err
	}
	limit := answerTime
	if strings.HasPrefix(path, "/api/where") {
		limit = questionTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("ask %s: %w", c.socket, ErrNotRunning)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.socket, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, refusal(resp.StatusCode, b)
	}
	return b, nil
}

// checkOwner trusts the socket of root and of this user only.
func (c *Client) checkOwner() error {
	info, err := os.Lstat(c.socket)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ask %s: %w", c.socket, ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("ask sersync: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return fmt.Errorf("ask %s: %w", c.socket, ErrForeign)
	}
	return nil
}

// refusal is the error in an answer that is not 2xx.
func refusal(code int, body []byte) error {
	var said struct{ Error string }
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(code)
	}
	if code == http.StatusNotFound && strings.Contains(said.Error, status.ErrUnknownLane.Error()) {
		return fmt.Errorf("refused: %w", status.ErrUnknownLane)
	}
	return fmt.Errorf("refused: %s", said.Error)
}
