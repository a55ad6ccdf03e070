package confxml

import "sort"

// lineTable turns offsets into line numbers.
type lineTable []int

func newLineTable(data []byte) lineTable {
	t := lineTable{}
	for i, c := range data {
		if c == '\n' {
			t = append(t, i)
		}
	}
	return t
}

// line returns the line of an offset, counted from 1.
func (t lineTable) line(offset int) int { return sort.SearchInts(t, offset) + 1 }
