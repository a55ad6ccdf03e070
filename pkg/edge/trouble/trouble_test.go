package trouble

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestTroubles(t *testing.T) {
	full := New("the disk is full", "make room")
	refused := From(io.EOF, "the hub refuses the key", "name another")
	for want, got := range map[string]Trouble{
		"the disk is full; make room":                         Of(fmt.Errorf("fetch: %w", full), "else", ""),
		"the hub refuses the key (EOF); name another":         Of(refused, "else", ""),
		"the hub refuses the key (line 3: EOF); name another": Of(Wrap(refused, "line 3"), "else", ""),
		"the disk is full (line 3); make room":                Of(Wrap(full, "line 3"), "else", ""),
		"it cannot be read (EOF); look":                       Of(io.EOF, "it cannot be read", "look"),
		"it cannot be read (line 3: EOF)":                     Of(Wrap(io.EOF, "line 3"), "it cannot be read", ""),
	} {
		if got.String() != want || got.None() {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !errors.Is(Wrap(refused, "line 3"), io.EOF) || !(Trouble{}).None() {
		t.Error("where it comes from is lost")
	}
}
