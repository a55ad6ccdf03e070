package preflight

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/stream/dial"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// Stream is one stream of a watch root.
type Stream struct {
	publish.Options
	// Holder is the process that publishes the tree with this program; 0: none.
	Holder int
}

// streamTrial tries one lane to a stream.
type streamTrial struct {
	given Stream
	lane  Lane
}

// all tries step after step until one ends the trial.
func (t *streamTrial) all(ctx context.Context) {
	if !t.servers(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	desk, err := publish.OpenDesk(ctx, t.given.Way)
	if err != nil {
		t.fail(aboutConnecting(err), err)
		return
	}
	defer desk.Close()
	t.server(desk.Server())
	found, err := desk.Look(ctx, t.given.Options)
	t.found(found, err)
}

// servers tries how the servers are reached; false: none is.
func (t *streamTrial) servers(ctx context.Context) bool {
	list, err := t.given.Way.Servers()
	if err != nil {
		t.lane.Steps = append(t.lane.Steps, Step{Topic: TopicName, Verdict: Wrong, Said: literal(err.Error()), Remedy: correctURL})
		return false
	}
	reached := false
	first := len(t.lane.Steps)
	for _, address := range list {
		reached = t.reach(ctx, address) || reached
	}
	if !reached {
		return false
	}
	for i := range t.lane.Steps[first:] {
		if s := &t.lane.Steps[first+i]; s.Verdict == Wrong {
			s.Verdict = Doubt // another one of the cluster answers
		}
	}
	return true
}

// reach tries one server: its name, its port, and whether it is one of NATS.
func (t *streamTrial) reach(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, nameTime+dialTime)
	defer cancel()
	wrong := func(topic Topic, said, remedy Text) bool {
		t.lane.Steps = append(t.lane.Steps, Step{Topic: topic, Verdict: Wrong, Said: said, Remedy: remedy})
		return false
	}
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err == nil {
		t.lane.say(TopicName, Good, nameIsAddress.of(host))
	} else if found, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return wrong(TopicName, nameFails.of(host, plain(err)), correctURL)
	} else {
		t.lane.say(TopicName, Good, nameIs.of(host, strings.Join(found, ", ")))
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return wrong(TopicPort, portFails.of(address, plain(err)), startHub)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	const longest = 64 << 10
	line, err := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n')
	told, isNATS := strings.CutPrefix(line, "INFO ")
	switch {
	case line == "" && err != nil:
		return wrong(TopicPort, releaseSilent.of(address, plain(err)), startHub)
	case !isNATS || !json.Valid([]byte(told)):
		return wrong(TopicPort, hubOther.of(address, strings.TrimSpace(line[:min(len(line), 80)])), startHub)
	}
	t.lane.say(TopicPort, Good, portOpen.of(address))
	return true
}

// aboutConnecting is the topic of an error of a connection.
func aboutConnecting(err error) Topic {
	switch reason, _ := dial.Explain(err); {
	case errors.Is(err, dial.ErrCA), reason == dial.Distrusted, reason == dial.Unagreed:
		return TopicTLS
	default:
		return TopicLogin
	}
}

// fail adds the step that has ended the trial.
func (t *streamTrial) fail(topic Topic, err error) {
	reason, remedy := publish.Explain(err)
	t.lane.Steps = append(t.lane.Steps, Step{Topic: topic, Verdict: Wrong, Said: literal(reason), Remedy: literal(remedy), Detail: err.Error()})
}

// server says who has answered, and how.
func (t *streamTrial) server(s publish.Server) {
	if s.TLS == 0 {
		t.lane.say(TopicTLS, Remark, tlsNone)
	} else {
		t.lane.say(TopicTLS, Good, tlsUntil.of(tls.VersionName(s.TLS), s.Until.Local().Format(time.DateOnly)))
	}
	t.lane.say(TopicLogin, Good, hubTakesKey.of(t.given.Way.Creds))
	t.lane.Release = s.Release
	t.lane.say(TopicRelease, Good, releaseIs.of(s.Release))
}

// mib is a number of bytes in MiB, rounded up.
func mib(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// found says what is there, and whether there is room for what is to be.
func (t *streamTrial) found(found publish.Found, err error) {
	if found.Left != "" {
		t.lane.Left = append(t.lane.Left, found.Left)
	}
	var untried *publish.UntriedError
	switch {
	case errors.As(err, &untried):
		t.lane.Steps = append(t.lane.Steps, Step{Topic: TopicStream, Verdict: Doubt, Said: streamUntried, Remedy: allowStreams, Detail: err.Error()})
	case err != nil:
		topic := TopicStream
		if reason, _ := dial.Explain(err); reason == dial.NoRoom {
			topic = TopicRoom
		}
		t.fail(topic, err)
	case found.There:
		t.lane.say(TopicStream, Good, streamThere.of(found.Messages))
		t.lane.say(TopicRoom, Good, roomTaken.of(mib(int64(found.Bytes)), mib(t.given.Limits.Bytes)))
	default:
		t.lane.say(TopicStream, Good, streamMade)
		t.lane.say(TopicRoom, Good, roomThere.of(mib(t.given.Limits.Bytes)))
	}
}
