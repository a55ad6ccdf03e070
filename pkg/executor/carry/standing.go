package carry

import "time"

// standing is what is known of one file here and of its copy on the remote, when
// size and time have to decide which of them is to stay.
type standing struct {
	cause  cause
	size   int64
	mtime  time.Time // of the file here
	change time.Time // when it came to stand here (ctime)
	stands place     // what the remote has in its place
	// thereSize and there are size and modification time of the copy; the time in
	// whole seconds.
	thereSize int64
	there     time.Time
	// ours: the copy is what this lane has sent last.
	ours bool
	// fine tells, of a copy of the same second, how its time lies to the one here.
	fine order
	// keepsSecond: the remote may keep a copy of the same second under -u, where
	// other receivers compare contents.
	keepsSecond bool
	// update: the user's -u keeps what is newer on the remote.
	update bool
	// peer: the remote mirrors back.
	peer bool
}

// place is what stands on a remote in the place of a file.
type place uint8

const (
	nothing    place = iota
	aFile            // its copy
	aDirectory       // thereSize and there are those of the directory
	aLink            // or the like, of which no time is known
)

// copied tells whether there is something with a time.
func (p place) copied() bool { return p == aFile || p == aDirectory }

// unlike tells whether it is no file. -u is about files, and receivers since 3.2.7 replace
// such a thing whatever its time is; older ones keep what is newer, and say nothing.
func (p place) unlike() bool { return p == aDirectory || p == aLink }

// order is how the time of a remote's copy lies to the time of the file here, when
// both are of the same second.
type order uint8

const (
	unknownOrder order = iota // one of the two file systems, or programs, keeps no nanoseconds
	earlier                   // the copy is older
	sameTime
	later   // the copy is newer
	noTimes // there is no time to compare: see aLink
)

// cause is how a file that stands here has become dirty.
type cause uint8

const (
	// byEvent: it was written or put in its place on this host.
	byEvent cause = iota
	// byScan: nobody has seen what happened to it: it may have been changed here, or
	// have arrived.
	byScan
	// byAttributes: nothing but its attributes, which include its time, has changed.
	byAttributes
	// byComparison: a run under -u has left it alone, and the same comparison
	// without -u names it: its size differs from the copy's, or its time does, by
	// nanoseconds maybe. Its content was not compared.
	byComparison
	// byArrival: a receiver has put it here, so it may have come from the remote
	// itself, where a newer version may be standing by now.
	byArrival
)

// verdict is what becomes of a file.
type verdict uint8

const (
	stays  verdict = iota // nothing: the copy is equal, or is what the run itself compares
	offer                 // it goes where the copy is older by whole seconds, or where there is none
	send                  // it goes with the user's parameters, for which a copy of the same second is not newer
	lift                  // it goes without -u
	wait                  // it is asked again later
	differ                // the copy stays, and is told
)

const (
	// arrivalQuiet is how long a file waits that has, or may have, arrived within the
	// same second as the remote's copy. What is written there meanwhile is seconds
	// newer then, so that -u, which counts whole seconds, keeps it.
	arrivalQuiet = 3 * time.Second
	// ArrivalSettled is after which time a copy that is newer on the remote, and
	// has not come here, is not on its way here.
	ArrivalSettled = 10 * time.Second
)

// decide tells what becomes of a file that a run has not brought over, or that is
// asked about before any run compares it; and for wait until when.
func (s standing) decide(now time.Time) (v verdict, until time.Time) {
	there := s.there.Compare(s.mtime.Truncate(time.Second)) // < 0: older
	switch {
	case s.stands.unlike() && (s.cause == byEvent || !s.peer && s.cause != byArrival):
		return lift, until
	case s.cause == byEvent && s.peer && s.update:
		v, d := s.changedBesidePeer(there)
		return s.settled(now, v, d)
	case s.cause == byEvent:
		return s.changed(there), until
	case (!s.stands.copied() || there < 0) && s.cause == byAttributes:
		return send, until
	case s.cause == byComparison && (!s.stands.copied() || s.mtime.Sub(s.there) >= 2*time.Second):
		return stays, until // the run has sent it, or tried to: it took only what is one second older for equal
	case there < 0 && s.stands.copied() && s.keepsSecond && s.mtime.Sub(s.there) < 2*time.Second:
		return lift, until // under the window of an offer such a receiver keeps it, too
	case !s.stands.copied() || there < 0:
		return offer, until
	}
	d := time.Duration(0)
	switch {
	case s.cause == byArrival && there > 0:
		v, d = s.arrivedOlder()
	case s.cause == byArrival:
		v, d = s.arrivedBeside()
	case there > 0 && s.ours:
		v = lift
	case there > 0:
		v = differ
	default:
		v, d = s.unseenBeside()
	}
	return s.settled(now, v, d)
}

// settled is a verdict that holds when the file has stood here for d.
func (s standing) settled(now time.Time, v verdict, d time.Duration) (_ verdict, until time.Time) {
	if v == send && s.keepsSecond {
		v = lift // what is equal is not sent: contents are compared
	}
	if until = s.change.Add(d); d > 0 && now.Before(until) {
		return wait, until
	}
	return v, time.Time{}
}

// changed judges a file that was changed here: this host acted last, unless the
// copy was written later than that.
func (s standing) changed(there int) verdict {
	switch {
	case !s.stands.copied() || there < 0:
		return stays
	case there == 0 && s.keepsSecond:
		return lift
	case there == 0:
		return stays
	case !s.there.After(s.change), s.ours:
		return lift
	default:
		return differ
	}
}

// changedBesidePeer judges a file that was changed here, after a run that keeps copies of
// the same second: people write on the other side, too, and of two versions of one second
// the later one stays.
func (s standing) changedBesidePeer(there int) (verdict, time.Duration) {
	switch {
	case there > 0, !s.stands.copied(), s.mtime.Sub(s.there) >= 2*time.Second:
		return s.changed(there), 0
	case s.fine == later && !s.ours && s.change.Before(s.there.Add(time.Second)):
		return differ, arrivalQuiet // it is on its way here
	default:
		return send, 0
	}
}

// unseenBeside judges a file of which nobody knows how it came here, when the copy
// is of the same second: the later one of the two stays.
func (s standing) unseenBeside() (verdict, time.Duration) {
	switch s.fine {
	case later:
		return differ, 0
	case earlier:
		if s.cause == byAttributes {
			return lift, 0 // whole seconds show no change
		}
		return send, arrivalQuiet
	case unknownOrder:
		if s.ours {
			return lift, 0 // what changed since the copy was sent -u may have left alone
		}
	case sameTime, noTimes:
	}
	if s.cause == byAttributes {
		return send, 0 // no content goes
	}
	return send, arrivalQuiet
}

// arrivedOlder judges a file that has arrived here, when the copy is newer by whole
// seconds.
func (s standing) arrivedOlder() (verdict, time.Duration) {
	switch {
	case !s.update:
		return lift, arrivalQuiet
	case s.ours:
		return lift, ArrivalSettled
	default:
		return differ, ArrivalSettled
	}
}

// arrivedBeside judges a file that has arrived here, when the copy is of the same
// second.
func (s standing) arrivedBeside() (verdict, time.Duration) {
	switch {
	case s.thereSize == s.size && (s.fine == sameTime || s.fine == unknownOrder && !s.ours):
		return stays, 0 // it has come from there, or from where that came from
	case s.fine == earlier, s.fine != later && s.ours:
		return send, arrivalQuiet
	case !s.update && s.fine == later:
		return lift, ArrivalSettled
	case !s.update:
		return lift, arrivalQuiet
	default:
		return differ, ArrivalSettled
	}
}
