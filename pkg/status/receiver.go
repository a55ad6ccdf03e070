package status

import "strings"

// receiver tells which rsync a lane's remote has, what is done another way for
// it, and how much its own configuration excludes.
func (t *table) receiver(l Lane) {
	var parts []string
	if l.Release != "" {
		parts = append(parts, t.word("remote has")+" "+t.word(Printable(l.Release)))
	}
	for _, w := range l.Without {
		parts = append(parts, t.word(Printable(w)))
	}
	if l.Excluded > 0 {
		parts = append(parts, count(l.Excluded)+" "+t.word("excluded by the remote's own configuration"))
	}
	if len(parts) > 0 {
		t.line("    %s", t.paint(dim, strings.Join(parts, t.word("; "))))
	}
}
