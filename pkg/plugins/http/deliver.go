package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sersync/sersync/pkg/plugins"
)

// userAgent names the sender to the receiver.
const userAgent = "sersync"

// rejectedError is an answer that is about the event and not about the
// receiver's state.
type rejectedError struct{ err error }

func (e *rejectedError) Error() string { return e.err.Error() }
func (e *rejectedError) Unwrap() error { return e.err }

// Deliver posts the batch. A receiver that rejects several events at once gets
// them one by one, so that one bad event does not take the others with it.
func (p *poster) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	err := p.post(ctx, batch)
	if err == nil {
		return len(batch), nil
	}
	var rejected *rejectedError
	if !errors.As(err, &rejected) {
		return 0, err
	}
	if len(batch) == 1 {
		return 0, p.rejection(batch[0], err)
	}
	for i := range batch {
		if err := p.post(ctx, batch[i:i+1]); err != nil {
			return i, p.rejection(batch[i], err)
		}
	}
	return len(batch), nil
}

// rejection makes an error permanent once the event has had its tries.
func (p *poster) rejection(ev plugins.Event, err error) error {
	var rejected *rejectedError
	if errors.As(err, &rejected) && ev.Attempt+1 >= p.tries {
		return plugins.Permanent(err)
	}
	return err
}

// post makes one request and judges the answer.
func (p *poster) post(ctx context.Context, batch []plugins.Event) error {
	target, body, err := p.format.encode(p, batch)
	if err != nil {
		return plugins.Permanent(err)
	}
	rctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(rctx, p.format.method, target, reader)
	if err != nil {
		return plugins.Permanent(err)
	}
	req.Header.Set("User-Agent", userAgent)
	if p.format.contentType != "" {
		req.Header.Set("Content-Type", p.format.contentType)
	}
	if err := p.authorize(req); err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		// The receiver has it, whatever comes after the header.
		return nil
	}
	if err != nil {
		return err
	}
	return p.judge(resp, answer)
}

func (p *poster) authorize(req *http.Request) error {
	if p.token == nil {
		return nil
	}
	value, err := p.token.read()
	if err != nil {
		return err
	}
	if p.header != "" {
		req.Header.Set(p.header, value)
	} else {
		req.Header.Set("Authorization", "Bearer "+value)
	}
	return nil
}

// judge turns an answer other than 2xx into an error.
func (p *poster) judge(resp *http.Response, answer []byte) error {
	if slices.Contains(p.format.done, resp.StatusCode) {
		return nil
	}
	err := fmt.Errorf("receiver answers %s: %.100q", resp.Status, answer)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w; check the receiver's access rules and tokenfile", err)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return plugins.RetryAfter(err, retryAfter(resp.Header.Get("Retry-After")))
	case code/100 == 3:
		return &rejectedError{fmt.Errorf("%w; write the new address %.200q as url", err, withoutQuery(resp.Header.Get("Location")))}
	default:
		return &rejectedError{err}
	}
}

// withoutURL takes the address out of an error: webhooks have their secret in
// the query.
func withoutURL(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("%s %s: %w", u.Op, withoutQuery(u.URL), u.Err)
}

// withoutQuery is an address without its secrets.
func withoutQuery(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(no address)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3), in seconds or
// as a date.
func retryAfter(text string) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
