package confxml_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shipped is the default configuration.
func shipped(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/confxml.xml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// edited is the default configuration with replacements (old, new, old, new), each of which must
// apply.
func edited(t testing.TB, pairs ...string) []byte {
	t.Helper()
	data := shipped(t)
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(data, []byte(pairs[i])) {
			t.Fatalf("the default configuration has no %q", pairs[i])
		}
		data = bytes.Replace(data, []byte(pairs[i]), []byte(pairs[i+1]), 1)
	}
	return data
}

// parse calls Parse and fails the test if the input cannot be read.
func parse(t testing.TB, data []byte) confxml.Config {
	t.Helper()
	c, err := confxml.Parse("c.xml", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return c
}

// said tells whether one line of the problems contains all of the words.
func said(problems []confxml.Problem, words ...string) bool {
	for _, p := range problems {
		line, all := p.String(), true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}
