package rsyncopts

import (
	"fmt"
	"strings"
)

// unknown is the remark about a name or a letter that rsync does not know: it
// refuses every run.
func unknown(g Given) Remark {
	r := Remark{Fault, "rsync knows no such option, so that it sends nothing", "correct or remove it; rsync --help lists all"}
	if g.Letter != 0 {
		return r
	}
	if name, two := strings.CutPrefix(g.Text, "--"); !two {
		return Remark{
			Fault, fmt.Sprintf("with one dash each letter is an option of its own, which is not --%s", g.Text[1:]),
			"write two dashes: -" + g.Text,
		}
	} else if name := nearest(name); name != "" {
		r.Remedy = fmt.Sprintf("did you mean --%s?", name)
	}
	return r
}

// nearest is the option whose name is most like a word, "" if none is.
func nearest(word string) string {
	const longest = 40
	if len(word) > longest {
		return ""
	}
	best, name := len(word)/3+1, ""
	for candidate := range byName {
		if d := distance(word, candidate); d < best || d == best && name != "" && candidate < name {
			best, name = d, candidate
		}
	}
	return name
}

// distance is how many letters have to be added, taken away, replaced or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
