package convergence

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// forgiven are the differences that the rules allow, by name.
type forgiven struct {
	newer     []string // files that -u keeps because the target's copy is newer
	leftovers []string // files that killed receivers have left
	killed    int      // how many rsync processes the plan has killed
}

func (f forgiven) String() string {
	return fmt.Sprintf("newer on the target and kept by -u: %q; left by the %d rsyncs that were killed: %q", f.newer, f.killed, f.leftovers)
}

// forgive removes the differences that the rules allow from the list; all others stay.
func (s *scene) forgive(diff []testkit.Difference) ([]testkit.Difference, forgiven) {
	f := forgiven{killed: s.kills + s.rsyncd.Killed()}
	diff, f.leftovers = s.leftByReceiver(diff, f.killed)
	if len(diff) > 0 {
		diff, f.newer = s.keptByUpdate(diff)
	}
	return diff, f
}

// leftByReceiver takes out the temporary file, or the directory of parts, that a receiver leaves
// when it is killed, or when its sender is killed: nobody can remove it at that moment. Each killed
// process leaves at most one. The program removes directories of parts later, as long as it runs
// and may delete.
func (s *scene) leftByReceiver(diff []testkit.Difference, most int) (rest []testkit.Difference, left []string) {
	for _, d := range diff {
		within := len(left) > 0 && strings.HasPrefix(d.Path, left[len(left)-1]+"/")
		switch {
		case d.Kind != "leftover", !within && len(left) == most, !s.crashed && !s.m.noDelete && ofParts(d.Path):
			rest = append(rest, d)
		case !within:
			left = append(left, d.Path)
		}
	}
	return rest, left
}

// ofParts tells whether a path is a directory of parts, or is below one.
func ofParts(path string) bool { return strings.Contains("/"+path+"/", "/"+transport.PartialDir+"/") }

// mostNewer is how many files may be newer on the target because of one kill -9. Such a file was
// sent by one of the last runs, the program was killed before it had written that down, and an
// older file replaced it before the next start. That is rare: in dozens of seeds there is none.
const mostNewer = 2

// keptByUpdate takes out the files that -u asks to keep, at most as many as the program reports as
// newer on the remote. Only this host writes there, and the program knows what it has sent, unless
// it was killed before it could write that down.
func (s *scene) keptByUpdate(diff []testkit.Difference) (rest []testkit.Difference, kept []string) {
	if !s.m.update() || s.sudden == 0 {
		return diff, nil
	}
	most := min(s.toldNewer(), s.sudden*mostNewer)
	for _, d := range diff {
		switch {
		case slices.Contains(kept, d.Path): // -u keeps the whole file: content, mode and time
		case len(kept) < most && s.newer(d.Path):
			kept = append(kept, d.Path)
		default:
			rest = append(rest, d)
		}
	}
	return rest, kept
}

// newer says whether a path is a file on both sides, and is newer on the target.
func (s *scene) newer(path string) bool {
	a, errA := os.Lstat(filepath.Join(s.src, path))
	b, errB := os.Lstat(filepath.Join(s.dst, path))
	return errA == nil && errB == nil && a.Mode().IsRegular() && b.Mode().IsRegular() && b.ModTime().After(a.ModTime())
}

// toldNewer is how many files are newer on the remote according to the status.
func (s *scene) toldNewer() (n int) {
	now, _ := s.status()
	for _, lane := range now.Lanes {
		for _, d := range lane.Differences {
			if d.Kind == status.Newer {
				n += d.Count
			}
		}
	}
	return n
}

// status is what the program reports about itself; false: it does not answer yet.
func (s *scene) status() (now status.Snapshot, ok bool) {
	out, _ := exec.Command(testkit.Build(s.t), "--status", "--json", "-o", s.app.File).Output() // the exit status is only the level
	err := json.Unmarshal(out, &now)
	return now, err == nil
}
