// Package busyhours says at which hours of the week large work waits, or goes
// slowly: full syncs, and large files.
//
// Hours are those of a wall clock in the location of the time that is passed in. The
// package does no I/O and reads no clock.
package busyhours

import (
	"slices"
	"time"
)

// Rule is what applies to one kind of work. The zero value allows everything.
type Rule struct {
	Wait    bool // it is not begun, and is ended where it has begun
	BWLimit int  // KiB per second that it may send; 0: no limit. Without effect with Wait
}

// Stricter is the stricter one of two rules.
func (r Rule) Stricter(other Rule) Rule {
	switch {
	case r.Wait || other.Wait:
		return Rule{Wait: true}
	case r.BWLimit == 0 || other.BWLimit != 0 && other.BWLimit < r.BWLimit:
		return other
	}
	return r
}

// Hours are some hours of some days, with what holds then.
type Hours struct {
	// Span is from when to when. Where it goes past midnight it belongs to the day on
	// which it begins.
	Span
	Days Days
	// Full holds for full syncs, Large for files of at least Size bytes.
	Full, Large Rule
	Size        int64
}

// covers tells whether a moment lies in the hours.
func (h Hours) covers(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	today, before := h.Days[t.Weekday()], h.Days[(t.Weekday()+6)%7]
	if h.From < h.To {
		return today && h.From <= minute && minute < h.To
	}
	return today && h.From <= minute || before && minute < h.To
}

// Schedule is all hours of one lane, in any order. They may overlap: the strictest rule
// holds then.
type Schedule []Hours

// At returns the hours in which a moment lies.
func (s Schedule) At(t time.Time) Schedule {
	var now Schedule
	for _, h := range s {
		if h.covers(t) {
			now = append(now, h)
		}
	}
	return now
}

// Full is what all hours of s together say about full syncs.
func (s Schedule) Full() (r Rule) {
	for _, h := range s {
		r = r.Stricter(h.Full)
	}
	return r
}

// File is what all hours of s together say about a file of that size.
func (s Schedule) File(size int64) (r Rule) {
	for _, h := range s {
		if size >= h.Size {
			r = r.Stricter(h.Large)
		}
	}
	return r
}

// Smallest is the size of the smallest files about which hours of s say something; 0:
// they say nothing about files.
func (s Schedule) Smallest() (size int64) {
	for _, h := range s {
		if h.Large != (Rule{}) && (size == 0 || h.Size < size) {
			size = h.Size
		}
	}
	return size
}

// Change is the first moment after t from which on other hours apply than at t; zero: it never
// comes.
func (s Schedule) Change(t time.Time) time.Time {
	now := s.At(t)
	// Nothing happens in a week that does not happen in the next one, unless the clocks
	// are changed: the days around that count, too.
	last := t.AddDate(0, 0, 9)
	for at := t; at.Before(last); {
		_, zoneEnd := at.ZoneBounds()
		until := last
		if !zoneEnd.IsZero() && zoneEnd.Before(last) {
			until = zoneEnd.In(t.Location())
		}
		for _, c := range s.edges(at, until) {
			if !slices.Equal(s.At(c), now) {
				return c
			}
		}
		at = until
	}
	return time.Time{}
}

// edges are the beginnings and ends of all hours after from up to until, in order, and
// until itself. The offset from UTC is the same from from to before until.
func (s Schedule) edges(from, until time.Time) []time.Time {
	_, offset := from.Zone()
	// A zone without changes: there every hour of the clock comes once a day.
	wall := from.In(time.FixedZone("", offset))
	edges := []time.Time{until}
	for day := 0; ; day++ {
		midnight := time.Date(wall.Year(), wall.Month(), wall.Day()+day, 0, 0, 0, 0, wall.Location())
		if !midnight.Before(until) {
			break
		}
		for _, h := range s {
			for _, minute := range [...]int{h.From, h.To} {
				if edge := midnight.Add(time.Duration(minute) * time.Minute); edge.After(from) && edge.Before(until) {
					edges = append(edges, edge.In(from.Location()))
				}
			}
		}
	}
	slices.SortFunc(edges, time.Time.Compare)
	return edges
}

// maxChanges bounds how far ahead End looks: more changes than a week of hours has.
const maxChanges = 1000

// End is the first moment from t on at which waits does not hold for the hours of that
// moment; zero: it never comes.
func (s Schedule) End(t time.Time, waits func(Schedule) bool) time.Time {
	for range maxChanges {
		if t.IsZero() || !waits(s.At(t)) {
			return t
		}
		t = s.Change(t)
	}
	return time.Time{}
}

// Always tells whether waits holds for every minute of the week.
func (s Schedule) Always(waits func(Schedule) bool) bool {
	sunday := time.Date(2024, 1, 7, 0, 0, 0, 0, time.UTC)
	for minute := range 7 * minutesOfDay {
		if !waits(s.At(sunday.Add(time.Duration(minute) * time.Minute))) {
			return false
		}
	}
	return true
}
