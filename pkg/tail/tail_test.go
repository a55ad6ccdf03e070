package tail

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", chunk)
	tests := []struct {
		text  string
		lines int
		want  string
	}{
		{"", 3, ""},
		{"a\n", 3, "a\n"},
		{"a\nb\nc\nd\n", 2, "c\nd\n"},
		{"a\nb\nc", 2, "b\nc\n"},
		{"\n\n\n", 2, "\n\n"},
		{long + "\n" + long + "\nend\n", 2, long + "\nend\n"},
		{"a\n" + strings.Repeat("\n", chunk), 1, "\n"},
	}
	for i, tt := range tests {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := Print(t.Context(), &out, path, Options{Lines: tt.lines}); err != nil || out.String() != tt.want {
			t.Errorf("%d: %d bytes, %v; want %d", i, out.Len(), err, len(tt.want))
		}
	}
	if err := Print(t.Context(), &bytes.Buffer{}, "/nonexistent/log", Options{}); err == nil {
		t.Error("no error for a missing file")
	}
}

// safeBuffer is a buffer that two goroutines may use.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// TestFollow: no line is missed when the file grows, is rotated, or is emptied.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	add := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprint(f, text)
	}
	add("old\nfirst\x1b\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out safeBuffer
	done := make(chan error, 1)
	go func() {
		done <- Print(ctx, &out, path, Options{Lines: 1, Follow: true, Clean: func(s string) string { return strings.ReplaceAll(s, "\x1b", "!") }})
	}()
	wait := func(text string) {
		t.Helper()
		if !testkit.Poll(time.Minute, func() bool { return out.has(text) }) {
			t.Fatalf("no %q in %q", text, out.b.String())
		}
	}
	wait("first!\n")
	add("sec")
	add("ond\n")
	wait("second\n")
	add("before\n")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	add("after\n")
	wait("before\nafter\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add("new\n")
	wait("after\nnew\n")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if out.has("old\n") {
		t.Error("more than the last line is printed")
	}
}
