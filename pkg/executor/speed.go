package executor

import (
	"cmp"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor/plan"
)

// speed is how fast contents go to the remote, learnt from runs. It decides which files go in runs
// of their own, so that small ones do not wait for them: those that would take longer than about a
// second. Owned by the loop.
type speed struct {
	known float64 // bytes per second; 0: nothing has been learnt
	most  float64 // the user's --bwlimit, in bytes per second; 0: none
	// large is the size above which files have busy hours of their own; 0: none have.
	large int64
}

const (
	// bigFile is the size above which a file goes by itself on the fastest link. unknownBig is that
	// size before anything is known of the link, and leastBig on the slowest one.
	bigFile    = 8 << 20
	unknownBig = 1 << 20
	leastBig   = 64 << 10
	// bigTime is how long small files may wait for a file in their run.
	bigTime = time.Second
	// batchTime is how long a batch of small files may take when there are more.
	batchTime = 4 * time.Second
	// A run shows the speed of the link if it took at least tellingTime, and its files are not so
	// small that other costs exceed those of their bytes.
	tellingTime = 250 * time.Millisecond
	tellingMean = 64 << 10
)

// learn updates the speed with what a run has brought over. The speed falls at once, because small
// files would be held up if a slow link were taken for a fast one. It at most doubles, because a
// run may seem fast when the remote had most of a file already.
func (s *speed) learn(files int, bytes int64, took time.Duration) {
	if files == 0 || took <= 0 {
		return
	}
	seen := float64(bytes) / took.Seconds()
	switch {
	case seen > s.known && s.known > 0:
		s.known = min(seen, 2*s.known)
	case bytes >= int64(files)*tellingMean && (took >= tellingTime || s.known == 0):
		s.known = seen
	}
}

// within is how many bytes can be sent in that time; 0: unknown.
func (s *speed) within(d time.Duration) int64 {
	perSecond := s.known
	if s.most > 0 && (perSecond == 0 || perSecond > s.most) {
		perSecond = s.most
	}
	return int64(perSecond * d.Seconds())
}

// big is the size above which a file goes by itself.
func (s *speed) big() int64 {
	n := s.within(bigTime)
	if n == 0 {
		return s.notLarge(unknownBig)
	}
	return s.notLarge(min(max(n, leastBig), bigFile))
}

// notLarge is n, or the size of the largest files without busy hours if that is smaller.
func (s *speed) notLarge(n int64) int64 {
	if s.large > 0 {
		return min(n, s.large)
	}
	return n
}

// batch chooses the works of one batch, the smallest first, so that small files wait only a few
// seconds whatever else there is to send.
func (s *speed) batch(works []plan.Work) (now, later []plan.Work) {
	room := s.within(batchTime)
	if room == 0 || weight(works) <= room {
		return works, nil
	}
	slices.SortStableFunc(works, func(a, b plan.Work) int { return cmp.Compare(a.Found.Stat.Size, b.Found.Stat.Size) })
	n := 1
	for room -= works[0].Found.Stat.Size; n < len(works) && works[n].Found.Stat.Size <= room; n++ {
		room -= works[n].Found.Stat.Size
	}
	return works[:n:n], works[n:]
}

func weight(works []plan.Work) (bytes int64) {
	for _, w := range works {
		bytes += w.Found.Stat.Size
	}
	return bytes
}
