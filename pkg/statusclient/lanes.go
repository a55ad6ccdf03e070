package statusclient

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/status"
)

// maxCandidates bounds the lanes that an error lists.
const maxCandidates = 20

// numbered is a lane with its number in the table of --status, which is also
// its label in the metrics.
type numbered struct {
	number int
	lane   status.Lane
}

// String names the lane in one line.
func (n numbered) String() string {
	return fmt.Sprintf("lane %d, %s", n.number, status.Printable(n.lane.ID))
}

// pick is the lanes that the words of an operator mean, each once, in the order of the table. A
// word is the number of a lane, its name, a watch root (all lanes of it), or a part that only one
// name has; the empty word is every lane. The error says why a word means no lane, or not one
// alone, and lists the candidates.
func pick(lanes []status.Lane, words []string) ([]numbered, error) {
	all := make([]numbered, len(lanes))
	for i, l := range lanes {
		all[i] = numbered{i + 1, l}
	}
	wanted := map[int]bool{}
	for _, word := range words {
		found, err := meant(all, word)
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			wanted[n.number] = true
		}
	}
	return slices.DeleteFunc(all, func(n numbered) bool { return !wanted[n.number] }), nil
}

// meant is the lanes that one word means.
func meant(all []numbered, word string) ([]numbered, error) {
	if word == "" {
		return all, nil
	}
	those := func(match func(status.Lane) bool) (found []numbered) {
		for _, n := range all {
			if match(n.lane) {
				found = append(found, n)
			}
		}
		return found
	}
	if found := those(func(l status.Lane) bool { return l.ID == word || l.Root == word }); len(found) > 0 {
		return found, nil
	}
	if number, err := strconv.Atoi(word); err == nil {
		if number < 1 || number > len(all) {
			return nil, which(all, "there is no lane %d", number)
		}
		return all[number-1 : number], nil
	}
	found := those(func(l status.Lane) bool {
		return strings.Contains(l.ID, word) || strings.Contains(l.Root+"#"+l.Remote, word)
	})
	switch len(found) {
	case 0:
		return nil, which(all, "no lane has %q in its name", word)
	case 1:
		return found, nil
	}
	return nil, which(found, "%q is a part of the names of %d lanes; give a number, or a longer part", word, len(found))
}

// which is an error that lists candidates.
func which(candidates []numbered, format string, args ...any) error {
	var b strings.Builder
	fmt.Fprintf(&b, format, args...)
	if len(candidates) > 0 {
		b.WriteString("; the lanes are:")
	}
	for i, c := range candidates {
		if i == maxCandidates {
			fmt.Fprintf(&b, "\n  and %d more, see --status", len(candidates)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %d  %s", c.number, status.Printable(c.lane.ID))
	}
	return errors.New(b.String())
}
