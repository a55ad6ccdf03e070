package busyhours

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const minutesOfDay = 24 * 60

// Span is a part of the day, in minutes since midnight. From is below 1440. To is at
// most 1440, and where it is not after From it is a time of the next day.
type Span struct{ From, To int }

// ParseSpan reads a span as HH:MM-HH:MM; 24:00 is the midnight at the end of the day.
func ParseSpan(text string) (Span, error) {
	from, to, ok := strings.Cut(text, "-")
	a, okFrom := clock(from)
	b, okTo := clock(to)
	switch {
	case !ok || !okFrom || !okTo || a == minutesOfDay:
		return Span{}, fmt.Errorf("%q are no hours", text)
	case a == b:
		return Span{}, fmt.Errorf("%q end when they begin", text)
	}
	return Span{a, b}, nil
}

// clock reads HH:MM, or HH for the full hour.
func clock(text string) (minute int, ok bool) {
	hour, rest, given := strings.Cut(strings.TrimSpace(text), ":")
	h, okHour := number(hour, 24)
	m, okMinute := 0, true
	if given {
		m, okMinute = number(rest, 59)
	}
	minute = h*60 + m
	return minute, okHour && okMinute && minute <= minutesOfDay
}

// number reads a number of one or two digits.
func number(text string, most int) (n int, ok bool) {
	if len(text) < 1 || len(text) > 2 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n <= most
}

func (s Span) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60)
}

// Days are days of the week, by time.Weekday.
type Days [7]bool

// EveryDay is all of them.
func EveryDay() Days { return Days{true, true, true, true, true, true, true} }

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseDays reads days as mon-fri or sat,sun; a row of days may go past Sunday. Empty
// are all days.
func ParseDays(text string) (days Days, err error) {
	if strings.TrimSpace(text) == "" {
		return EveryDay(), nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, row := strings.Cut(part, "-")
		if !row {
			last = first
		}
		a, okFirst := dayOf(first)
		b, okLast := dayOf(last)
		if !okFirst || !okLast {
			return Days{}, fmt.Errorf("%q are no days", text)
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

// dayOf reads the name of a day: three letters of it or more.
func dayOf(text string) (time.Weekday, bool) {
	name := strings.ToLower(strings.TrimSpace(text))
	for d, short := range dayNames {
		if strings.HasPrefix(name, short) && strings.HasPrefix(strings.ToLower(time.Weekday(d).String()), name) {
			return time.Weekday(d), true
		}
	}
	return 0, false
}

// String names the days from Monday on, rows of three and more as such. All days are
// mon-sun.
func (d Days) String() string {
	var parts []string
	for i := 1; i <= 7; i++ {
		if !d[i%7] {
			continue
		}
		end := i
		for end < 7 && d[(end+1)%7] {
			end++
		}
		switch first, last := dayNames[i%7], dayNames[end%7]; end - i {
		case 0:
			parts = append(parts, first)
		case 1:
			parts = append(parts, first, last)
		default:
			parts = append(parts, first+"-"+last)
		}
		i = end
	}
	return strings.Join(parts, ",")
}
