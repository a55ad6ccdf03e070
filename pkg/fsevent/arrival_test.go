package fsevent

import (
	"strings"
	"testing"
)

func TestWhichNamesAReceiverWritesFirst(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, c := range []struct {
		dir, from, name string
		want            bool
	}{
		{"d", ".f.AbC1yz", "f", true},
		{"d", ".a.tar.gz.AbC1yz", "a.tar.gz", true},
		{"d", ".bashrc.AbC1yz", ".bashrc", true}, // the temporary name needs a second dot
		{"d", "." + long[:240] + ".AbC1yz", long, true},
		{".sersync-partial", "f", "f", true},
		{".~tmp~", "f", "f", true},
		{"d", ".f.AbC1yz", "g", false},
		{"d", "f.AbC1yz", "f", false}, // many programs write files with such names
		{"d", ".f.AbC1y", "f", false},
		{"d", ".f.AbC-yz", "f", false},
		{"d", ".f", "f", false},
		{"d", "f~", "f", false},
		{"d", ".nnn.AbC1yz", "nnnn", false},
		{".sersync-partial", "f", "g", false},
		{"d", "..AbC1yz", "", false},
		{"d", "", "f", false},
	} {
		if got := Received(c.dir, c.from, c.name); got != c.want {
			t.Errorf("%s/%s to %s: %v", c.dir, c.from, c.name, got)
		}
	}
}
