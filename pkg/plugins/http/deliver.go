package http

import (
	"context"
	"errors"

	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/webhook"
)

// Deliver posts the batch. A receiver that rejects several events at once gets
// them one by one, so that one bad event does not take the others with it.
func (p *poster) Deliver(ctx context.Context, batch []plugins.Event) (int, error) {
	err := p.post(ctx, batch)
	if err == nil {
		return len(batch), nil
	}
	var rejected *webhook.RejectedError
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
	var rejected *webhook.RejectedError
	if errors.As(err, &rejected) && ev.Attempt+1 >= p.tries {
		return plugins.Permanent(err)
	}
	return err
}

// post makes one request.
func (p *poster) post(ctx context.Context, batch []plugins.Event) error {
	target, body, err := p.format.encode(p, batch)
	if err != nil {
		return plugins.Permanent(err)
	}
	_, err = p.client.Send(ctx, webhook.Request{
		Method: p.format.method, URL: target, ContentType: p.format.contentType, Body: body, Done: p.format.done,
	})
	return err
}
