package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
)

// claimed says which source a tree belongs to. It is kept on the hub, beside the stream: a hub that
// has lost its streams has lost the claims, too.
type claimed struct {
	Epoch  string    `json:"epoch"` // empty until the stream begins
	Host   string    `json:"host"`
	Dir    string    `json:"dir"`
	Source string    `json:"source,omitempty"`
	Since  time.Time `json:"since"`

	tree     string
	revision uint64
}

// ClaimedError says that a tree belongs to another source.
type ClaimedError struct {
	Tree string
	By   claimed
}

// Error implements error.
func (e *ClaimedError) Error() string {
	if e.By.Host == "" {
		return fmt.Sprintf("tree %s was released", e.Tree)
	}
	return fmt.Sprintf("tree %s belongs to %s:%s since %s", e.Tree, e.By.Host, e.By.Dir, e.By.Since.Format(time.RFC3339))
}

// Reason is one line for people.
func (e *ClaimedError) Reason() string { return "another source publishes this tree" }

// Remedy is what to do about it.
func (e *ClaimedError) Remedy() string {
	const remedy = "give one of them another name in <stream name=...>, or, if the other one is gone for good, run on the hub: sersync-hub release {tree}"
	return strings.ReplaceAll(remedy, "{tree}", e.Tree)
}

func (c claimed) epoch() change.Epoch {
	e, _ := stream.ParseEpoch(c.Epoch)
	return e
}

// claim claims the tree for this source, if it does not belong to another one.
func claim(ctx context.Context, claims jetstream.KeyValue, opt Options) (claimed, error) {
	c, err := readClaim(ctx, claims, opt.Tree)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		c = claimed{tree: opt.Tree, Host: opt.Host, Dir: opt.Dir, Source: opt.Source, Since: time.Now().UTC()}
		return c, c.write(ctx, claims)
	case err != nil:
		return c, err
	}
	if !c.by(opt) {
		return c, &ClaimedError{Tree: opt.Tree, By: c}
	}
	if c.Host == opt.Host && c.Dir == opt.Dir && c.Source == opt.Source {
		return c, nil
	}
	c.Host, c.Dir, c.Source = opt.Host, opt.Dir, opt.Source
	return c, c.write(ctx, claims)
}

// by tells whether the claim is that of the source in opt.
func (c claimed) by(opt Options) bool {
	return c.Host == opt.Host && c.Dir == opt.Dir || opt.Source != "" && c.Source == opt.Source
}

func readClaim(ctx context.Context, claims jetstream.KeyValue, tree string) (claimed, error) {
	entry, err := claims.Get(ctx, tree)
	if err != nil {
		return claimed{}, fmt.Errorf("read the claim of tree %s: %w", tree, err)
	}
	c := claimed{tree: tree, revision: entry.Revision()}
	if err := json.Unmarshal(entry.Value(), &c); err != nil {
		return claimed{}, fmt.Errorf("read the claim of tree %s: %w", tree, err)
	}
	return c, nil
}

// write keeps the claim, unless another source was faster.
func (c *claimed) write(ctx context.Context, claims jetstream.KeyValue) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("claim tree %s: %w", c.tree, err)
	}
	if c.revision == 0 {
		c.revision, err = claims.Create(ctx, c.tree, data)
	} else {
		c.revision, err = claims.Update(ctx, c.tree, data, c.revision)
	}
	if err != nil {
		return fmt.Errorf("claim tree %s: %w", c.tree, err)
	}
	return nil
}

// renew gives the claim another epoch.
func (c *claimed) renew(ctx context.Context, claims jetstream.KeyValue, e change.Epoch) error {
	c.Epoch = stream.EpochText(e)
	return c.write(ctx, claims)
}
