package rsync

import "github.com/sersync/sersync/pkg/transport"

// wants are the options that serve the run, whoever the receiver is.
func (r Run) wants() (s transport.Options) {
	if r.Pulls() {
		return s
	}
	if r.nanoseconds() {
		s = s.With(transport.Nanoseconds)
	}
	if r.Kind == transport.Delete && !r.Exact || r.Kind == transport.Tree && r.DeleteInside && r.MayDelete {
		s = s.With(transport.MissingArgs)
	}
	if r.Linked || r.Similar {
		s = s.With(transport.Elsewhere)
	}
	return s
}

// options are the options that the run gets, and those that are left out because the receiver may
// refuse them.
func (r Run) options() (added, spared transport.Options) {
	for o := range transport.OptionCount {
		switch {
		case !r.wants().Has(o):
		case r.Caps.Takes(o):
			added = added.With(o)
		default:
			spared = spared.With(o)
		}
	}
	return added, spared
}

// has tells whether the run has an option.
func (r Run) has(o transport.Option) bool {
	added, _ := r.options()
	return added.Has(o)
}
