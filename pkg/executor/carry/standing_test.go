package carry

import (
	"testing"
	"time"
)

func TestWhatShowsThatARemoteMirrorsBack(t *testing.T) {
	now := time.Unix(1_700_000_000, 400_000_000)
	arrived := func(change func(*standing)) standing {
		s := standing{cause: byArrival, stands: aFile, size: 3, thereSize: 3, mtime: now, change: now, there: now.Truncate(time.Second)}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		s    standing
		want bool
	}{
		"the same version":                         {arrived(func(s *standing) { s.fine, s.ours = sameTime, true }), true},
		"another size":                             {arrived(func(s *standing) { s.fine, s.thereSize = sameTime, 4 }), false},
		"a newer one of theirs":                    {arrived(func(s *standing) { s.there = s.there.Add(time.Second) }), true},
		"a newer one of one second":                {arrived(func(s *standing) { s.fine = later }), true},
		"a newer one from here":                    {arrived(func(s *standing) { s.there, s.ours = s.there.Add(time.Second), true }), false},
		"an older one":                             {arrived(func(s *standing) { s.there = s.there.Add(-time.Second) }), false},
		"the order is not known":                   {arrived(func(*standing) {}), false},
		"nothing":                                  {arrived(func(s *standing) { s.stands = nothing }), false},
		"a newer directory":                        {arrived(func(s *standing) { s.stands, s.there = aDirectory, s.there.Add(time.Second) }), false},
		"a newer one, found by a scan, too":        {arrived(func(s *standing) { s.cause, s.there = byScan, s.there.Add(time.Second) }), true},
		"the same from here, found by a scan, too": {arrived(func(s *standing) { s.cause, s.fine, s.ours = byScan, sameTime, true }), false},
	} {
		if got := c.s.mirroredBack(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhichVersionStays(t *testing.T) {
	now := time.Unix(1_700_000_000, 400_000_000)
	second := func(n int) time.Time { return now.Truncate(time.Second).Add(time.Duration(n) * time.Second) }
	for name, c := range map[string]struct {
		s     standing
		want  verdict
		until time.Duration // counted from now
	}{
		"event: the copy is older": {standing{cause: byEvent, stands: aFile, mtime: now, change: now, there: second(-1)}, stays, 0},
		"event: no copy":           {standing{cause: byEvent, mtime: now, change: now}, stays, 0},
		"event: a link, or something like it, in its place": {standing{cause: byEvent, stands: aLink, fine: noTimes, mtime: now, change: now}, lift, 0},
		"event: a newer directory in its place":             {standing{cause: byEvent, stands: aDirectory, mtime: second(-99), change: second(-9), there: second(-1)}, lift, 0},
		"scan: a newer directory in its place":              {standing{cause: byScan, stands: aDirectory, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"scan: a link in its place":                         {standing{cause: byScan, stands: aLink, fine: noTimes, mtime: now, change: now}, lift, 0},
		"scan: a newer directory on a peer":                 {standing{cause: byScan, stands: aDirectory, peer: true, mtime: second(-99), change: now, there: second(-9)}, differ, 0},
		"comparison: a directory in its place":              {standing{cause: byComparison, stands: aDirectory, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"arrival: a newer directory there":                  {standing{cause: byArrival, stands: aDirectory, mtime: now, change: second(-11), update: true, there: second(1)}, differ, 0},
		"event: put back an older one":                      {standing{cause: byEvent, stands: aFile, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"event: written there later":                        {standing{cause: byEvent, stands: aFile, mtime: second(-99), change: second(-9), there: second(-1)}, differ, 0},
		"event: of the same second, compared there":         {standing{cause: byEvent, stands: aFile, ours: true, size: 3, thereSize: 3, mtime: now, change: now, there: second(0)}, stays, 0},
		"event: of the same second, kept there":             {standing{cause: byEvent, stands: aFile, keepsSecond: true, size: 3, thereSize: 3, mtime: now, change: now, there: second(0)}, lift, 0},
		"event: newer there, where a second is kept":        {standing{cause: byEvent, stands: aFile, keepsSecond: true, mtime: second(-99), change: second(-9), there: second(-1)}, differ, 0},
		"scan: of the same second, kept there":              {standing{cause: byScan, stands: aFile, keepsSecond: true, mtime: now, change: second(-4), there: second(0)}, lift, 0},
		"arrival: of the same second, kept there":           {standing{cause: byArrival, stands: aFile, keepsSecond: true, size: 3, thereSize: 3, mtime: now, change: now, update: true, there: second(0)}, stays, 0},
		"event: of one second, earlier on the peer":         {standing{cause: byEvent, stands: aFile, peer: true, update: true, fine: earlier, mtime: now, change: now, there: second(0)}, send, 0},
		"event: one second older on the peer":               {standing{cause: byEvent, stands: aFile, peer: true, update: true, mtime: now, change: now, there: second(-1)}, send, 0},
		"event: much older on the peer":                     {standing{cause: byEvent, stands: aFile, peer: true, update: true, mtime: now, change: now, there: second(-2)}, stays, 0},
		"event: a peer without nanoseconds":                 {standing{cause: byEvent, stands: aFile, peer: true, update: true, mtime: now, change: now, there: second(0)}, send, 0},
		"event: a peer that keeps the second":               {standing{cause: byEvent, stands: aFile, peer: true, update: true, keepsSecond: true, fine: earlier, mtime: now, change: now, there: second(0)}, lift, 0},
		"event: of one second, later on the peer":           {standing{cause: byEvent, stands: aFile, peer: true, update: true, fine: later, mtime: now, change: now, there: second(0)}, wait, arrivalQuiet},
		"event: later on the peer, and did not come":        {standing{cause: byEvent, stands: aFile, peer: true, update: true, fine: later, mtime: second(-5), change: second(-5), there: second(-5)}, differ, 0},
		"event: later on the peer, and sent from here":      {standing{cause: byEvent, stands: aFile, peer: true, update: true, ours: true, fine: later, mtime: now, change: now, there: second(0)}, send, 0},
		"event: put back after it was written on the peer":  {standing{cause: byEvent, stands: aFile, peer: true, update: true, fine: later, mtime: second(-9), change: now, there: second(-9)}, send, 0},
		"event: put back an older one on the peer":          {standing{cause: byEvent, stands: aFile, peer: true, update: true, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"event: sent with a time in the future":             {standing{cause: byEvent, stands: aFile, ours: true, mtime: now, change: now, there: second(99)}, lift, 0},
		"event: a time in the future that others have sent": {standing{cause: byEvent, stands: aFile, mtime: now, change: now, there: second(99)}, differ, 0},
		"scan: rolled back, the copy is ours":               {standing{cause: byScan, stands: aFile, ours: true, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"scan: rolled back, the copy is another's":          {standing{cause: byScan, stands: aFile, mtime: second(-99), change: now, there: second(-9)}, differ, 0},
		"scan: of one second, the copy is ours":             {standing{cause: byScan, stands: aFile, ours: true, mtime: now, change: now, there: second(0)}, lift, 0},
		"comparison: rolled back, the copy is ours":         {standing{cause: byComparison, stands: aFile, ours: true, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"comparison: the copy is another's, and newer":      {standing{cause: byComparison, stands: aFile, mtime: second(-99), change: now, there: second(-9)}, differ, 0},
		"comparison: others are there in the same second":   {standing{cause: byComparison, stands: aFile, mtime: now, change: second(-4), there: second(0)}, send, 0},
		"comparison: ours of the same second was kept":      {standing{cause: byComparison, stands: aFile, ours: true, mtime: now, change: now, there: second(0)}, lift, 0},
		"comparison: written here since it was named":       {standing{cause: byComparison, stands: aFile, mtime: now, change: now, there: second(-1)}, offer, 0},
		"scan: of one second":                               {standing{cause: byScan, stands: aFile, mtime: now, change: now, there: second(0)}, wait, arrivalQuiet},
		"scan: of one second, for long":                     {standing{cause: byScan, stands: aFile, mtime: now, change: second(-4), there: second(0)}, send, 0},
		"scan: of the same time":                            {standing{cause: byScan, stands: aFile, ours: true, fine: sameTime, mtime: now, change: second(-4), there: second(0)}, send, 0},
		"scan: of the same time, a moment ago":              {standing{cause: byScan, stands: aFile, ours: true, fine: sameTime, mtime: now, change: now, there: second(0)}, wait, arrivalQuiet},
		"scan: of one second, and later here":               {standing{cause: byScan, stands: aFile, ours: true, fine: earlier, mtime: now, change: now, there: second(0)}, wait, arrivalQuiet},
		"scan: of one second, and later here, for long":     {standing{cause: byScan, stands: aFile, fine: earlier, mtime: now, change: second(-4), there: second(0)}, send, 0},
		"scan: of one second, and later there":              {standing{cause: byScan, stands: aFile, ours: true, fine: later, mtime: now, change: now, there: second(0)}, differ, 0},
		"scan: of one second, and later there, kept there":  {standing{cause: byScan, stands: aFile, keepsSecond: true, fine: later, mtime: now, change: now, there: second(0)}, differ, 0},
		"comparison: of one second, and later there":        {standing{cause: byComparison, stands: aFile, fine: later, mtime: now, change: now, there: second(0)}, differ, 0},
		"comparison: a copy that is much older":             {standing{cause: byComparison, stands: aFile, mtime: now, change: now, there: second(-2)}, stays, 0},
		"comparison: one second older, where it is kept":    {standing{cause: byComparison, stands: aFile, keepsSecond: true, mtime: now, change: now, there: second(-1)}, lift, 0},
		"comparison: no copy":                               {standing{cause: byComparison, mtime: now, change: now}, stays, 0},
		"attributes: newer there, and ours":                 {standing{cause: byAttributes, stands: aFile, ours: true, mtime: second(-99), change: now, there: second(-9)}, lift, 0},
		"attributes: newer there, and another's":            {standing{cause: byAttributes, stands: aFile, mtime: second(-99), change: now, there: second(-9)}, differ, 0},
		"attributes: touched within one second":             {standing{cause: byAttributes, stands: aFile, fine: earlier, mtime: now, change: now, there: second(0)}, lift, 0},
		"attributes: the same time":                         {standing{cause: byAttributes, stands: aFile, fine: sameTime, mtime: now, change: now, there: second(0)}, send, 0},
		"scan: no copy":                                     {standing{cause: byScan, mtime: now, change: now}, offer, 0},

		"arrival: no copy":       {standing{cause: byArrival, mtime: now, change: now}, offer, 0},
		"arrival: an older copy": {standing{cause: byArrival, stands: aFile, mtime: now, change: now, there: second(-1)}, offer, 0},
		"arrival: the very same, which is ours": {
			standing{cause: byArrival, stands: aFile, ours: true, fine: sameTime, size: 3, thereSize: 3, mtime: now, change: now, update: true, there: second(0)}, stays, 0,
		},
		"arrival: of one second, and later here": {
			standing{cause: byArrival, stands: aFile, fine: earlier, size: 3, thereSize: 3, mtime: now, change: now, update: true, there: second(0)}, wait, arrivalQuiet,
		},
		"arrival: of one second, and later here, for long": {
			standing{cause: byArrival, stands: aFile, fine: earlier, size: 3, thereSize: 4, mtime: now, change: second(-4), update: true, there: second(0)}, send, 0,
		},
		"arrival: of one second, and later there": {
			standing{cause: byArrival, stands: aFile, ours: true, fine: later, size: 3, thereSize: 3, mtime: now, change: second(-4), update: true, there: second(0)}, wait, ArrivalSettled - 4400*time.Millisecond,
		},
		"arrival: of one second, and later there, for long": {
			standing{cause: byArrival, stands: aFile, ours: true, fine: later, mtime: now, change: second(-11), update: true, there: second(0)}, differ, 0,
		},
		"arrival: the same": {standing{cause: byArrival, stands: aFile, size: 3, thereSize: 3, mtime: now, change: now, there: second(0)}, stays, 0},
		"arrival: others are there in the same second": {
			standing{cause: byArrival, stands: aFile, size: 3, thereSize: 4, mtime: now, change: now, update: true, there: second(0)}, wait, ArrivalSettled,
		},
		"arrival: others are there in the same second for long": {
			standing{cause: byArrival, stands: aFile, size: 3, thereSize: 4, mtime: now, change: second(-11), update: true, there: second(0)}, differ, 0,
		},
		"arrival: ours is there in the same second": {
			standing{cause: byArrival, stands: aFile, ours: true, size: 3, thereSize: 3, mtime: now, change: now, update: true, there: second(0)}, wait, arrivalQuiet,
		},
		"arrival: ours is there in the same second for long": {
			standing{cause: byArrival, stands: aFile, ours: true, size: 3, thereSize: 3, mtime: now, change: second(-4), update: true, there: second(0)}, send, 0,
		},
		"arrival: newer there":          {standing{cause: byArrival, stands: aFile, mtime: now, change: now, update: true, there: second(1)}, wait, ArrivalSettled},
		"arrival: newer there for long": {standing{cause: byArrival, stands: aFile, mtime: now, change: second(-11), update: true, there: second(1)}, differ, 0},
		"arrival: restored by rsync":    {standing{cause: byArrival, stands: aFile, ours: true, mtime: now, change: second(-11), update: true, there: second(1)}, lift, 0},
		"arrival: newer there, and nobody wants -u": {
			standing{cause: byArrival, stands: aFile, mtime: now, change: second(-11), there: second(1)}, lift, 0,
		},
	} {
		got, until := c.s.decide(now)
		if got != c.want || got == wait && until.Sub(now) != c.until {
			t.Errorf("%s: %d until %v, want %d after %v", name, got, until, c.want, c.until)
		}
	}
}
