package logging

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// said lists what was logged: level, message, exit status, number and time span.
func said(logs *observer.ObservedLogs) string {
	var got []string
	for _, e := range logs.All() {
		m := e.ContextMap()
		got = append(got, fmt.Sprint(e.Level, " ", e.Message, " ", m["exit"], " ", m["times"], " ", m["span"]))
	}
	return strings.Join(got, "\n")
}

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		r := NewRepeat(zap.New(core))
		r.Recovered("lane", "lane works again")
		for range 150 {
			r.Failed("lane", "refused", "run failed", zap.Int("exit", 10))
			time.Sleep(time.Second)
		}
		r.Failed("other", "refused", "run failed", zap.Int("exit", 11))
		r.Failed("lane", "disk full", "run failed", zap.Int("exit", 12)) // another cause is logged at once
		r.Recovered("lane", "lane works again", zap.String("remote", "h::m"))
		r.Recovered("lane", "lane works again")
		want := strings.Join([]string{
			"warn run failed 10 <nil> <nil>", "warn run failed 10 60 1m0s", "warn run failed 10 60 2m0s",
			"warn run failed 11 <nil> <nil>", "warn run failed 12 <nil> <nil>", "info lane works again <nil> 151 2m30s",
		}, "\n")
		if got := said(logs); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// The lines of a burst are counted a minute later, even if nothing fails at that time.
func TestRepeatCountsABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		r := NewRepeat(zap.New(core))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for range 3000 {
			r.On(r.log).Failed("paths", "denied", "path failed")
		}
		time.Sleep(5 * time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got, want := said(logs), "warn path failed <nil> <nil> <nil>\nwarn path failed <nil> 2999 1m0s"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestRepeatIsBounded(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	r := NewRepeat(zap.New(core))
	for i := range 5 * maxTroubles {
		r.Failed(strconv.Itoa(i), "", "path failed")
	}
	if n := len(r.troubles.list); n > maxTroubles+1 {
		t.Errorf("%d keys are kept", n)
	}
	if n := logs.Len(); n > maxTroubles+1 {
		t.Errorf("%d lines", n)
	}
}
