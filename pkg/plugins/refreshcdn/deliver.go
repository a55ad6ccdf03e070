package refreshcdn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/plugins"
)

const (
	// maxAnswer is how much of an answer is read, as in 2.5.4.
	maxAnswer = 4096 // bytes
	// silentTries is after how many attempts at which the CDN has accepted a request and closed
	// without an answer the request counts as done: 2.5.4 asked once and did not look.
	silentTries = 3
)

// errSilent is for a connection that was closed without an answer.
var errSilent = errors.New("CDN closed the connection without an answer")

// status finds the code of an answer.
var status = regexp.MustCompile(`\AHTTP/1\.[01] ([0-9]{3})`)

// Deliver asks for the batch in one request.
func (p *refresher) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	request, logged, err := p.request(batch)
	if err != nil && len(batch) > 1 {
		// An expression ran out of time on one of the names.
		return p.oneByOne(ctx, batch)
	}
	if err != nil {
		return 0, plugins.Permanent(err)
	}
	if request == "" {
		return len(batch), nil
	}
	answer, err := p.ask(ctx, request)
	if errors.Is(err, errSilent) && batch[0].Attempt+1 >= silentTries {
		p.troubles.Failed("silence", "", "CDN never answers, taken for told", zap.ByteString("path", []byte(batch[0].FullPath())), zap.Int("attempt", batch[0].Attempt+1))
		return len(batch), nil
	}
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/")) && !bytes.Contains(answer, []byte("whatsup")) {
		return 0, fmt.Errorf("what answers at %s is no CDN: %.40q; check cdninfo@domainname and port", p.address(), p.hide(string(answer)))
	}
	p.keep(answer, logged)
	if code := code(answer); code == 408 || code == 429 || code >= 500 {
		return 0, plugins.RetryAfter(fmt.Errorf("CDN answers %.100q", p.hide(firstLine(answer))), p.pause)
	}
	return len(batch), nil
}

func (p *refresher) oneByOne(ctx context.Context, batch []plugins.Event) (int, error) {
	for i := range batch {
		if _, err := p.Deliver(ctx, batch[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(batch), nil
}

// ask sends one request and returns the beginning of the answer, which is
// never empty.
func (p *refresher) ask(ctx context.Context, request string) ([]byte, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(p.timeout)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	answer := make([]byte, 0, maxAnswer)
	for len(answer) < maxAnswer && !bytes.Contains(answer, []byte("\r\n\r\n")) {
		n, err := conn.Read(answer[len(answer):maxAnswer])
		answer = answer[:len(answer)+n]
		if err == nil {
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case len(answer) > 0:
			return answer, nil
		case errors.Is(err, io.EOF):
			return nil, plugins.RetryAfter(errSilent, p.pause)
		}
		return nil, fmt.Errorf("no answer: %w", err)
	}
	return answer, nil
}

func (p *refresher) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: p.timeout, KeepAlive: -1}
	if !p.https {
		return d.DialContext(ctx, "tcp", p.address())
	}
	dctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	t := &tls.Dialer{NetDialer: d, Config: &tls.Config{ServerName: p.host, MinVersion: tls.VersionTLS12}}
	return t.DialContext(dctx, "tcp", p.address())
}

// keep writes an answer to errorlog.txt.
func (p *refresher) keep(answer []byte, request string) {
	text := string(answer)
	if i := strings.Index(text, "whatsup"); i >= 0 {
		text, _, _ = strings.Cut(text[i:], "\r")
	}
	if err := p.answers.write(p.hide(text) + " " + request + "\n"); err != nil {
		p.troubles.Failed("answers", "", "cannot keep the answers of the CDN", zap.String("path", p.answers.path), zap.NamedError("err", err))
	}
}

// hide removes the password from an answer that repeats it. One of a few
// letters is looked for as a field only, as it may be a part of any word.
func (p *refresher) hide(text string) string {
	if len(p.password) >= 6 {
		return strings.ReplaceAll(text, p.password, hidden)
	}
	return strings.ReplaceAll(text, "pswd="+p.password, "pswd="+hidden)
}

func code(answer []byte) int {
	m := status.FindSubmatch(answer)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return n
}

func firstLine(answer []byte) string {
	line, _, _ := bytes.Cut(answer, []byte("\r\n"))
	return string(line)
}
