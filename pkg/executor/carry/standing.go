package carry

import "time"

// standing is what is known of one file here and of its copy on the remote, from which it is
// decided which of them is to stay.
type standing struct {
	cause  cause
	size   int64
	mtime  time.Time // of the file here
	change time.Time // when it came to stand here (ctime)
	stands place     // what the remote has at the path
	// thereSize and there are size and modification time of the copy; the time in
	// whole seconds.
	thereSize int64
	there     time.Time
	// ours: the copy is the version that this lane has sent last.
	ours bool
	// fine tells whether a copy of the same second is earlier or later than the file here.
	fine order
	// keepsSecond: with -u the remote may keep its copy of the same second, where other receivers
	// compare contents.
	keepsSecond bool
	// update: the user's -u keeps what is newer on the remote.
	update bool
	// peer: the remote mirrors back.
	peer bool
}

// place is what a remote has at the path of a file.
type place uint8

const (
	nothing    place = iota
	aFile            // its copy
	aDirectory       // thereSize and there are those of the directory
	aLink            // or the like, of which no time is known
)

// copied tells whether there is something with a time.
func (p place) copied() bool { return p == aFile || p == aDirectory }

// unlike tells whether the remote has something else than a file. -u is about files only: receivers
// since 3.2.7 replace such a thing whatever its time; older ones keep it if it is newer, and say
// nothing.
func (p place) unlike() bool { return p == aDirectory || p == aLink }

// order says whether a remote's copy is earlier or later than the file here, when both are of the
// same second.
type order uint8

const (
	unknownOrder order = iota // one of the two file systems, or programs, keeps no nanoseconds
	earlier                   // the copy is older
	sameTime
	later   // the copy is newer
	noTimes // there is no time to compare: see aLink
)

// cause is how a file has become dirty.
type cause uint8

const (
	// byEvent: it was written or put in its place on this host.
	byEvent cause = iota
	// byScan: what happened to the file was not seen: it may have been changed here, or have
	// arrived.
	byScan
	// byAttributes: nothing but its attributes, which include its time, has changed.
	byAttributes
	// byComparison: a run with -u has not sent it, and the same comparison without -u names it: its
	// size or its time differs from the copy's, perhaps by nanoseconds only. Its content was not
	// compared.
	byComparison
	// byArrival: a receiver has put it here, so it may have come from the remote itself, which may
	// have a newer version by now.
	byArrival
)

// verdict is what becomes of a file.
type verdict uint8

const (
	stays  verdict = iota // nothing is done: the copy is equal, or the run itself compares it
	offer                 // it is sent if the copy is older by whole seconds, or if there is none
	send                  // it is sent with the user's parameters, for which a copy of the same second is not newer
	lift                  // it is sent without -u
	wait                  // the remote is asked again later
	differ                // the copy stays, and is reported as newer on the remote
)

const (
	// arrivalQuiet is how long a file waits that has, or may have, arrived within the same second
	// as the remote's copy. A version that is written there meanwhile is then newer by whole
	// seconds, so that -u keeps it.
	arrivalQuiet = 3 * time.Second
	// ArrivalSettled is the time after which a copy that is newer on the remote, and has not come
	// here, counts as not being on its way.
	ArrivalSettled = 10 * time.Second
)

// decide tells what becomes of a file that a run has not sent, or about which the remote is asked
// before any run compares it; for wait it also tells until when.
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
		return lift, until // with the window of an offer such a receiver would also keep its copy
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

// settled is a verdict that holds once the file has been here for d; until then it is wait.
func (s standing) settled(now time.Time, v verdict, d time.Duration) (_ verdict, until time.Time) {
	if v == send && s.keepsSecond {
		v = lift // an equal file is not sent, for contents are compared
	}
	if until = s.change.Add(d); d > 0 && now.Before(until) {
		return wait, until
	}
	return v, time.Time{}
}

// mirroredBack tells of a file that a receiver has put here whether it shows that the remote mirrors
// back: the remote has the same version, or a newer one that is not from here.
func (s standing) mirroredBack() bool {
	switch {
	case s.stands != aFile:
		return false
	case s.fine == sameTime && s.thereSize == s.size:
		return s.cause == byArrival || !s.ours
	default:
		return !s.ours && (s.fine == later || s.there.After(s.mtime))
	}
}

// changed decides about a file that was changed here: this host has acted last, unless the copy was
// written later.
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

// changedBesidePeer decides about a file that was changed here, after a run that keeps copies
// of the same second: people write on the other side, too, and of two versions of one second
// the later one stays.
func (s standing) changedBesidePeer(there int) (verdict, time.Duration) {
	switch {
	case there > 0, !s.stands.copied(), s.mtime.Sub(s.there) >= 2*time.Second:
		return s.changed(there), 0
	case s.fine == later && !s.ours && s.change.Before(s.there.Add(time.Second)):
		return differ, arrivalQuiet // the copy is on its way here
	default:
		return send, 0
	}
}

// unseenBeside decides about a file of which it is unknown how it came here, when the copy is of
// the same second: the later of the two stays.
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
			return lift, 0 // -u may have held back a change that was made after the copy was sent
		}
	case sameTime, noTimes:
	}
	if s.cause == byAttributes {
		return send, 0 // no content goes
	}
	return send, arrivalQuiet
}

// arrivedOlder decides about a file that has arrived here, when the copy is newer by whole seconds.
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

// arrivedBeside decides about a file that has arrived here, when the copy is of the same second.
func (s standing) arrivedBeside() (verdict, time.Duration) {
	switch {
	case s.thereSize == s.size && (s.fine == sameTime || s.fine == unknownOrder && !s.ours):
		return stays, 0 // the file has come from the remote, or both have come from the same source
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
