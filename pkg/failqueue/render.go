package failqueue

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sersync/sersync/pkg/shellwords"
)

// Bounds of the script. 2.5.4 kept 5,000 failed commands in memory and let the
// file grow; a path of 4,096 bytes makes a command of some 5 KiB.
const (
	maxScriptEntries = 5000
	maxScriptBytes   = 8 << 20
)

// render writes the whole script in the form of 2.5.4: a line "#errno" with the wait status, the
// command, an empty line. Without entries the script is empty.
func render(lanes map[string]part) []byte {
	var b bytes.Buffer
	rest := make(map[string]int)
	left := maxScriptEntries
	for _, key := range slices.Sorted(maps.Keys(lanes)) {
		p := lanes[key]
		for _, e := range p.entries {
			mark := b.Len()
			if left > 0 {
				e.appendTo(&b)
			}
			if left == 0 || b.Len() > maxScriptBytes {
				b.Truncate(mark)
				rest[e.Remote]++
				continue
			}
			left--
		}
		for remote, n := range p.rest {
			rest[remote] += n
		}
	}
	for _, remote := range slices.Sorted(maps.Keys(rest)) {
		// The remote comes from a file and may hold a newline, which would
		// end the comment.
		fmt.Fprintf(&b, "# %d more failing paths of %s are not listed; they are retried like the others\n",
			rest[remote], strconv.QuoteToASCII(remote))
	}
	return b.Bytes()
}

// appendTo writes e as one block.
func (e Entry) appendTo(b *bytes.Buffer) {
	fmt.Fprintf(b, "#errno %d\n%s\n\n", e.WaitStatus, shellwords.CommandIn(e.Dir, e.Argv))
}
