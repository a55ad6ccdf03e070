package rsync

import "github.com/sersync/sersync/pkg/transport"

// ForTrial returns the parameters for a small file that belongs to no tree: without the user's patterns, without what
// chooses among files (by size, or by what the remote has), and without what keeps a copy of a file that is deleted.
func (p Params) ForTrial() Params {
	p.args = p.without("CFfbm", "exclude", "include", "filter", "exclude-from", "include-from", "cvs-exclude",
		"backup", "backup-dir", "suffix", "max-size", "min-size", "existing", "ignore-non-existing", "ignore-existing", "max-delete",
		"remove-source-files", "remove-sent-files", "prune-empty-dirs", "stop-after", "stop-at", "time-limit",
		"write-batch", "log-file", "log-file-format")
	p.Rules = Rules{}
	return p
}

// WithoutTimes returns the parameters with which a file gets the time at which the remote writes it.
func (p Params) WithoutTimes() Params {
	p.args = append(p.Args(), "--no-times")
	p.Times = false
	return p
}

// Explain finds the cause and the remedy in what a client, a daemon or ssh says about a connection; both are empty where
// the text is not known.
func (t Target) Explain(text string) (reason, remedy string) {
	var r reading
	r.explain(t, text)
	return r.Reason, r.Remedy
}

// Reasons are the causes that Classify and Explain find in what others say, each of them once.
func Reasons() (list []string) {
	seen := map[string]bool{}
	for _, s := range sayings {
		if !seen[s.reason] {
			seen[s.reason] = true
			list = append(list, s.reason)
		}
	}
	return list
}

// Remedy is what a person can do about a complaint about one path; it may be empty.
func (t Target) Remedy(e transport.PathError) string { return t.remedy(e) }
