package transport

// Option is an argument that this program adds to a run by itself and that not every receiver
// accepts.
type Option uint8

// The options, in the order in which they are tried again after a doubt.
const (
	// Nanoseconds is --modify-window=-1: times are compared by the nanosecond
	// (3.1.3). Without it they are compared by the second.
	Nanoseconds Option = iota
	// MissingArgs is --delete-missing-args (3.1.0): deletions are made by name. Without it the
	// parent directories are compared, with patterns that leave out everything else.
	MissingArgs
	// Elsewhere is what a batch's Reuse needs: --link-dest or --fuzzy, and -s for some names. Every
	// receiver knows them, but may refuse them. Without it what was moved is sent again.
	Elsewhere
	// OptionCount is the number of options.
	OptionCount
)

// Options is a set of options.
type Options uint8

// With returns the set with an option in it.
func (s Options) With(o Option) Options { return s | 1<<o }

// Has tells whether an option is in the set.
func (s Options) Has(o Option) bool { return s&(1<<o) != 0 }
