package transport

// Kind is what a run is for.
type Kind uint8

// The kinds of runs.
const (
	// Send brings over the listed paths themselves, directories without their content.
	Send Kind = iota
	// Tree brings over the listed directories with everything below them.
	Tree
	// Delete removes the listed paths, which must not exist here.
	Delete
	// Full brings over the whole tree and deletes nothing.
	Full
	// Survey changes nothing: it lists what only the target has in the whole tree. SurveyTrees does
	// so below the listed directories, SurveyFlat directly in them, and SurveyGone at and below
	// listed paths that do not exist here.
	Survey
	SurveyTrees
	SurveyFlat
	SurveyGone
	// Times asks for the sizes and modification times of the remote's copies, and which of them
	// have exactly the time of the file in the working directory.
	Times
	// Stamps gives the listed files of the working directory the times of the
	// remote's copies, to the nanosecond, where the sizes are equal; contents are
	// left alone.
	Stamps
)

func (k Kind) String() string {
	return [...]string{"send", "tree", "delete", "full", "survey", "survey trees", "survey flat", "survey gone", "times", "stamps"}[k]
}

// Batch is what one run is to do with a list of paths, which goes beside it.
type Batch struct {
	Kind Kind
	Caps Capabilities

	// DeleteInside lets a Tree run remove what is on the target below the
	// listed directories and not here.
	DeleteInside bool
	// MayDelete says that the localpath's delete switch is on. Without it nothing on the target is
	// removed, not even a directory in the place of which a file has to go.
	MayDelete bool
	Updating
	// Contents has the contents of a file compared on both sides, whatever its size and time: a
	// file that is equal is not sent.
	Contents bool
	// Excludes are further rsync patterns (crontabfilter).
	Excludes []string
	// Resume keeps the part of a file that has arrived when the run is interrupted.
	Resume bool
	// Progress has the client tell how far it is, where it can.
	Progress bool
	// MaxSize is the size above which files are left out; 0: none are.
	MaxSize int64
	// Patient gives a file that does not open at once more time than usual.
	Patient bool
	// Attributes says that only attributes are known to have changed: then times are made equal to
	// the nanosecond, regardless of what that means for -u.
	Attributes bool
	// Pace bounds what the run takes of this host and of the link.
	Pace Pace
	// Verify makes a Full, Tree or Send run compare only (-n).
	Verify bool
	// Exact deletes only the listed names, below directories that do not exist here, and nothing
	// else in those directories.
	Exact bool
	// Hidden are directories here that an Exact run neither sees nor deletes on the target: it
	// deletes something else that had their name.
	Hidden []string
	// RootAlone makes a Send run of the watch root leave out its content, for with --dirs "./" on a
	// list sends every entry of it.
	RootAlone bool
	Reuse
}

// Reuse says what a Tree or Send run may use of what the remote has elsewhere, or that it must use
// nothing that the remote has. Only the number of bytes sent depends on it.
type Reuse struct {
	// Of is a directory on the remote. A file that At does not have there and that Of has
	// under the same path, of equal size and time and with equal attributes, is linked
	// from there: both names then share one file. Anything else is sent.
	Of string
	// At is the directory that the names are in. One of them may be At itself; in a Send run that
	// stands for all entries of At. Of counts only when Linked is set; "" is the watch root.
	At     string
	Linked bool
	// Similar has a file that the remote lacks built there from one in the same directory that has
	// the same size and time, or a similar name.
	Similar bool
	// Anew has every file sent, equal or not: none of them then shares its content on
	// the remote with another name.
	Anew bool
}

// Path is a path relative to At as it is below the watch root.
func (r Reuse) Path(rel string) string {
	switch {
	case r.At == "":
		return rel
	case rel == "":
		return r.At
	default:
		return r.At + "/" + rel
	}
}

// Updating says how a batch changes the effect of Terms.Update.
type Updating struct {
	// LiftUpdate takes -u out of the user's parameters.
	LiftUpdate bool
	// KeepSecond has -u keep the remote's copy also when it is of the same second.
	KeepSecond bool
}

// Pace is how much of this host and of the link a run may take.
type Pace struct {
	// BWLimit is how many KiB a second the run may send at most; 0: what the user's
	// own parameters say.
	BWLimit int
	// Gentle gives the client the lowest priority for processor and disk.
	Gentle bool
}
