package logging

import (
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

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		r := NewRepeat(zap.New(core))
		r.Recovered("lane", "lane works again")
		for range 150 {
			r.Failed("lane", "run failed", Exit(10))
			time.Sleep(time.Second)
		}
		r.Failed("other", "run failed", Exit(11))
		r.Recovered("lane", "lane works again", Remote("h::m"))
		r.Recovered("lane", "lane works again")
		var got []string
		for _, e := range logs.All() {
			m := e.ContextMap()
			got = append(got, fmt.Sprint(e.Level, " ", e.Message, " ", m[KeyExit], " ", m[KeyTimes], " ", m[KeySpan]))
		}
		want := []string{
			"warn run failed 10 <nil> <nil>", "warn run failed 10 60 1m0s", "warn run failed 10 60 2m0s",
			"warn run failed 11 <nil> <nil>", "info lane works again <nil> 150 2m30s",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestRepeatIsBounded(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	r := NewRepeat(zap.New(core))
	for i := range 5 * maxTroubles {
		r.Failed(strconv.Itoa(i), "path failed")
	}
	if n := len(r.troubles); n > maxTroubles+1 {
		t.Errorf("%d keys are kept", n)
	}
	if n := logs.Len(); n > maxTroubles+1 {
		t.Errorf("%d lines", n)
	}
}
