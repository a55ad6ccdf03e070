package busyhours

import (
	"slices"
	"testing"
	"time"
)

// zone is a time zone of the host's database.
func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// hours are Hours in which full syncs wait.
func hours(t *testing.T, span, days string) Hours {
	t.Helper()
	s, err := ParseSpan(span)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDays(days)
	if err != nil {
		t.Fatal(err)
	}
	return Hours{Span: s, Days: d, Full: Rule{Wait: true}}
}

func waits(s Schedule) bool { return s.Full().Wait }

const layout = "2006-01-02 15:04:05 -0700"

// TestEnd has a full sync wanted at a moment, and says until when it waits. Where it does not wait,
// that is the moment itself.
func TestEnd(t *testing.T) {
	day := []string{"08:00-20:00", "mon-fri"}
	night := []string{"22:00-06:00", "fri"}
	for _, c := range []struct {
		zone  string
		hours []string // spans and days by turns
		at    string
		want  string // "": the moment itself
	}{
		{"UTC", day, "2026-11-27 07:59:59 +0000", ""}, // a Friday
		{"UTC", day, "2026-11-27 08:00:00 +0000", "2026-11-27 20:00:00 +0000"},
		{"UTC", day, "2026-11-27 19:59:59 +0000", "2026-11-27 20:00:00 +0000"},
		{"UTC", day, "2026-11-27 20:00:00 +0000", ""},
		{"UTC", day, "2026-11-28 12:00:00 +0000", ""}, // a Saturday
		// Hours that go past midnight belong to the day on which they begin.
		{"UTC", night, "2026-11-27 21:59:59 +0000", ""},
		{"UTC", night, "2026-11-27 22:00:00 +0000", "2026-11-28 06:00:00 +0000"},
		{"UTC", night, "2026-11-28 05:59:00 +0000", "2026-11-28 06:00:00 +0000"},
		{"UTC", night, "2026-11-27 05:59:00 +0000", ""}, // the hours of Friday have not begun
		{"UTC", night, "2026-11-28 22:30:00 +0000", ""},
		// Hours end at the end of the day, or are continued by others.
		{"UTC", []string{"00:00-24:00", "sat,sun"}, "2026-11-28 00:00:00 +0000", "2026-11-30 00:00:00 +0000"},
		{"UTC", []string{"18:00-24:00", "", "00:00-06:00", ""}, "2026-11-27 19:00:00 +0000", "2026-11-28 06:00:00 +0000"},
		{"UTC", []string{"08:00-12:00", "", "11:00-14:00", ""}, "2026-11-27 09:00:00 +0000", "2026-11-27 14:00:00 +0000"},
		// The clock is put forward on 29 March 2026, from 02:00 to 03:00.
		{"Europe/Berlin", []string{"02:30-05:00", ""}, "2026-03-29 01:59:59 +0100", ""},
		{"Europe/Berlin", []string{"02:30-05:00", ""}, "2026-03-29 03:00:00 +0200", "2026-03-29 05:00:00 +0200"},
		{"Europe/Berlin", []string{"01:00-02:30", ""}, "2026-03-29 01:30:00 +0100", "2026-03-29 03:00:00 +0200"},
		{"Europe/Berlin", []string{"22:00-06:00", ""}, "2026-03-28 23:00:00 +0100", "2026-03-29 06:00:00 +0200"},
		// The clock is put back on 25 October 2026: the time from 02:00 to 03:00 comes twice.
		{"Europe/Berlin", []string{"02:30-05:00", ""}, "2026-10-25 02:30:00 +0200", "2026-10-25 02:00:00 +0100"},
		{"Europe/Berlin", []string{"02:30-05:00", ""}, "2026-10-25 02:00:00 +0100", ""},
		{"Europe/Berlin", []string{"02:30-05:00", ""}, "2026-10-25 02:30:00 +0100", "2026-10-25 05:00:00 +0100"},
		{"Europe/Berlin", []string{"22:00-06:00", ""}, "2026-10-24 23:00:00 +0200", "2026-10-25 06:00:00 +0100"},
		// The clock is put forward by half an hour, or at midnight, so that the day begins at
		// 01:00.
		{"Australia/Lord_Howe", []string{"01:00-02:15", ""}, "2026-10-04 01:30:00 +1030", "2026-10-04 02:30:00 +1100"},
		{"Asia/Beirut", []string{"00:00-03:00", "sun"}, "2026-03-29 01:00:00 +0300", "2026-03-29 03:00:00 +0300"},
		{"Asia/Shanghai", day, "2026-11-27 12:00:00 +0800", "2026-11-27 20:00:00 +0800"},
		{"UTC", []string{"00:00-24:00", ""}, "2026-11-27 12:00:00 +0000", "0001-01-01 00:00:00 +0000"}, // the hours never end
	} {
		loc := zone(t, c.zone)
		at, err := time.ParseInLocation(layout, c.at, loc)
		if err != nil {
			t.Fatal(err)
		}
		if got := at.In(loc).Format(layout); got != c.at {
			t.Fatalf("%s is read as %s", c.at, got)
		}
		var s Schedule
		for pair := range slices.Chunk(c.hours, 2) {
			s = append(s, hours(t, pair[0], pair[1]))
		}
		if c.want == "" {
			c.want = c.at
		}
		if got := s.End(at.In(loc), waits).Format(layout); got != c.want {
			t.Errorf("%s, %v at %s: until %s, want %s", c.zone, c.hours, c.at, got, c.want)
		}
	}
}

// TestChangeIsTheNextMinuteThatDiffers goes minute by minute through the days around both clock
// changes.
func TestChangeIsTheNextMinuteThatDiffers(t *testing.T) {
	s := Schedule{hours(t, "02:30-05:00", "sun"), hours(t, "22:15-02:10", "sat,mon"), hours(t, "09:00-17:00", "mon-fri"), hours(t, "00:00-24:00", "thu")}
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Santiago"} {
		loc := zone(t, name)
		for _, from := range []time.Time{
			time.Date(2026, 3, 4, 12, 0, 0, 0, loc), time.Date(2026, 3, 25, 12, 0, 0, 0, loc), time.Date(2026, 4, 2, 12, 0, 0, 0, loc),
			time.Date(2026, 9, 3, 12, 0, 0, 0, loc), time.Date(2026, 10, 1, 12, 0, 0, 0, loc), time.Date(2026, 10, 22, 12, 0, 0, 0, loc),
		} {
			at, changes := from, 0
			for at.Before(from.AddDate(0, 0, 8)) {
				want := at.Truncate(time.Minute)
				for slices.Equal(s.At(want), s.At(at)) {
					want = want.Add(time.Minute)
				}
				got := s.Change(at)
				if !got.Equal(want) {
					t.Fatalf("%s: after %s comes %s, want %s", name, at, got, want)
				}
				at, changes = got, changes+1
			}
			if changes < 15 {
				t.Errorf("%s: only %d changes in a week", name, changes)
			}
		}
	}
}

func TestTheStrictestRuleHolds(t *testing.T) {
	wait, slow, slower := Rule{Wait: true}, Rule{BWLimit: 500}, Rule{BWLimit: 100}
	all := func(rules ...Rule) (s Schedule) {
		for _, r := range rules {
			s = append(s, Hours{Full: r, Large: r, Size: 1000})
		}
		return s
	}
	for name, c := range map[string]struct {
		s    Schedule
		want Rule
	}{
		"nothing":          {nil, Rule{}},
		"free":             {all(Rule{}), Rule{}},
		"one":              {all(slow), slow},
		"slow beside free": {all(Rule{}, slow, Rule{}), slow},
		"the slower one":   {all(slower, slow), slower},
		"in either order":  {all(slow, slower), slower},
		"waiting first":    {all(slow, wait), wait},
		"waiting last":     {all(wait, slower), wait},
	} {
		if got := c.s.Full(); got != c.want {
			t.Errorf("%s: full syncs %+v, want %+v", name, got, c.want)
		}
		if got := c.s.File(1000); got != c.want {
			t.Errorf("%s: files %+v, want %+v", name, got, c.want)
		}
		if got := c.s.File(999); got != (Rule{}) {
			t.Errorf("%s: smaller files %+v", name, got)
		}
	}
	mixed := Schedule{{Large: Rule{}, Size: 1}, {Large: slow, Size: 2000}, {Large: wait, Size: 5000}}
	if got := mixed.Smallest(); got != 2000 {
		t.Errorf("the smallest size is %d", got)
	}
	if got := mixed.File(4000); got != slow {
		t.Errorf("a file between the sizes: %+v", got)
	}
	if got := (Schedule{{Full: wait}}).Smallest(); got != 0 {
		t.Errorf("without a word about files: %d", got)
	}
}

func TestAlways(t *testing.T) {
	for _, c := range []struct {
		hours []string
		want  bool
	}{
		{[]string{"00:00-24:00", ""}, true},
		{[]string{"00:00-24:00", "mon-sat"}, false},
		{[]string{"08:00-20:00", "", "20:00-08:00", ""}, true},
		{[]string{"08:00-20:00", "", "20:00-07:59", ""}, false},
		{[]string{"20:00-08:00", "mon-sun", "08:00-20:00", "mon-fri", "08:00-20:00", "sat,sun"}, true},
		{nil, false},
	} {
		var s Schedule
		for pair := range slices.Chunk(c.hours, 2) {
			s = append(s, hours(t, pair[0], pair[1]))
		}
		if got := s.Always(waits); got != c.want {
			t.Errorf("%v: %t", c.hours, got)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]string{
		"08:00-20:00": "08:00-20:00", "8-20": "08:00-20:00", " 8:05 - 20:30 ": "08:05-20:30", "22:00-06:00": "22:00-06:00",
		"0-24": "00:00-24:00", "18:00-24:00": "18:00-24:00", "18:00-00:00": "18:00-00:00", "23:59-0:00": "23:59-00:00",
		"": "", "08:00": "", "-": "", "8-": "", "-8": "", "8-25": "", "8:60-9": "", "24:00-6:00": "", "24:01-6:00": "", "8-24:01": "",
		"8-8": "", "8-8:00": "", "+8-9": "", "8-9-10": "", "008-9": "", "8:-9": "", "eight-nine": "", "8.00-9.00": "", "-1-9": "",
	} {
		s, err := ParseSpan(text)
		got := ""
		if err == nil {
			got = s.String()
		}
		if got != want {
			t.Errorf("%q is %q (%v), want %q", text, got, err, want)
		}
	}
}

func TestParseDays(t *testing.T) {
	for text, want := range map[string]string{
		"": "mon-sun", " ": "mon-sun", "mon": "mon", "mon-fri": "mon-fri", "Mon-Fri": "mon-fri", "monday, Wednesday": "mon,wed",
		"sat,sun": "sat,sun", "fri-mon": "mon,fri-sun", "sun": "sun", "mon-mon": "mon", "tue,mon": "mon,tue", "thurs": "thu",
		"mo": "", "mon-": "", "-fri": "", "mon,,tue": "", "mondays": "", "1-5": "", "mon fri": "", "mon-fri-sun": "",
	} {
		d, err := ParseDays(text)
		got := ""
		if err == nil {
			got = d.String()
		}
		if got != want {
			t.Errorf("%q are %q (%v), want %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"08:00-20:00", "22-6", "mon-fri", "sat,sun", "fri-mon", "-", ",", "24:00-24:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSpan(text); err == nil {
			if again, err := ParseSpan(s.String()); err != nil || again != s {
				t.Errorf("%q is %s, which is read as %v (%v)", text, s, again, err)
			}
		}
		if d, err := ParseDays(text); err == nil {
			if again, err := ParseDays(d.String()); err != nil || again != d {
				t.Errorf("%q are %s, which are read as %v (%v)", text, d, again, err)
			}
		}
	})
}
