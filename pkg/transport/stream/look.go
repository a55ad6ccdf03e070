package stream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/stream"
)

// Found is what a hub has for a tree.
type Found struct {
	There    bool // a stream that fits; false: it could be made
	Messages uint64
	Bytes    uint64
	// Left is a stream made by the look that could not be removed again; empty: none.
	Left string
}

// UntriedError says that it could not be found out whether a stream can be made.
type UntriedError struct{ Err error }

// Error implements error.
func (e *UntriedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UntriedError) Unwrap() error { return e.Err }

// Look tells what is there for a tree, and changes nothing. Where there is no stream yet,
// an empty one with the same limits, of a name of its own, shows whether there is room
// for it and whether this key may make it; it is removed at once. The error is a
// *ClaimedError, an *UnfitError, an *UntriedError, or one that Explain knows.
func (d *Desk) Look(ctx context.Context, opt Options) (Found, error) {
	if err := d.claimable(ctx, opt); err != nil {
		return Found{}, err
	}
	want := config(opt.Tree, opt.Limits)
	s, err := d.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return d.makeable(ctx, opt)
	case err != nil:
		return Found{}, fmt.Errorf("ask for stream %s: %w", want.Name, err)
	}
	info := s.CachedInfo()
	if err := fits(info.Config, want); err != nil {
		return Found{}, err
	}
	return Found{There: true, Messages: info.State.Msgs, Bytes: info.State.Bytes}, nil
}

// claimable returns an error if the tree belongs to another source.
func (d *Desk) claimable(ctx context.Context, opt Options) error {
	claims, err := d.js.KeyValue(ctx, stream.Claims)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bucket %s: %w", stream.Claims, err)
	}
	c, err := readClaim(ctx, claims, opt.Tree)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil
	case err != nil:
		return err
	case !c.by(opt):
		return &ClaimedError{Tree: opt.Tree, By: c}
	}
	return nil
}

// makeable makes a stream that is as large as what a start would make, and removes it.
func (d *Desk) makeable(ctx context.Context, opt Options) (found Found, err error) {
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // never fails
	trial := config("check-"+hex.EncodeToString(unique[:]), opt.Limits)
	for _, name := range []string{stream.Reports, stream.Mirrors, stream.Claims} {
		if _, err := d.js.KeyValue(ctx, name); errors.Is(err, jetstream.ErrBucketNotFound) {
			trial.MaxBytes += bucketBytes
		}
	}
	_, err = d.js.CreateStream(ctx, trial)
	// The stream may have been made although the answer has not come.
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	gone := d.js.DeleteStream(removing, trial.Name)
	var refused *jetstream.APIError
	switch {
	case err == nil && gone != nil:
		return Found{Left: trial.Name}, nil
	case err == nil:
		return Found{}, nil
	case errors.As(err, &refused):
		return Found{}, fmt.Errorf("make a stream like %s: %w", stream.Name(opt.Tree), err)
	}
	return Found{}, &UntriedError{fmt.Errorf("make stream %s to see: %w", trial.Name, err)}
}

// Server is who answers at the other end.
type Server struct {
	Release string
	TLS     uint16    // the version; 0: nothing is encrypted
	Until   time.Time // when its certificate ends
}

// Server describes the server that answers.
func (d *Desk) Server() Server {
	s := Server{Release: "nats-server " + d.conn.ConnectedServerVersion()}
	if state, err := d.conn.TLSConnectionState(); err == nil && len(state.PeerCertificates) > 0 {
		s.TLS, s.Until = state.Version, state.PeerCertificates[0].NotAfter
	}
	return s
}
