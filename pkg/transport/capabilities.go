package transport

// knowledge is what is known of one option and one receiver.
//
// A receiver need not say that it refuses an option: a daemon of 3.1.2 resets the connection and
// says nothing, as does a daemon that is being restarted. So a run that breaks off before the
// receiver has said a word puts all its options in doubt, and is repeated without them. When that
// run is answered the options are tried again, one by one: only an option that breaks a run a
// second time counts as refused.
type knowledge uint8

const (
	untried knowledge = iota // it is added, and nothing is known
	taken                    // a run with it was answered
	doubted                  // a run with it broke off; runs go without it
	onTrial                  // the next run with it decides
	refused                  // runs go without it
	stale                    // it was refused; the next run with it decides whether it still is
	barred                   // the rsync on this host does not know it
)

// Capabilities are what client and receiver together are known to understand. The zero value is the
// newest rsync, of which nothing is known. It is a value: what is learnt makes a new one.
type Capabilities struct {
	options [OptionCount]knowledge
	// NoList: the module is write only and refuses to list.
	NoList bool
	// NoDelete: the daemon refuses every deletion.
	NoDelete bool
	// NoChecksum: the daemon refuses to compare contents.
	NoChecksum bool
	window     knowledge // refused: the daemon refuses any --modify-window
	// Grain is how fine the remote keeps times.
	Grain Grain
	// ConfineRoot: the client knows --confine-root.
	ConfineRoot bool
	// Progress: the client tells how far it is, with --info.
	Progress bool
}

// Takes tells whether a run may have an option.
func (c Capabilities) Takes(o Option) bool {
	switch c.options[o] {
	case doubted, refused, barred:
		return false
	default:
		return true
	}
}

// TakesWindow tells whether a run may have a --modify-window.
func (c Capabilities) TakesWindow() bool { return c.window != refused }

// Lacking returns the capabilities of a receiver that is known to refuse the
// options.
func (c Capabilities) Lacking(list ...Option) Capabilities {
	for _, o := range list {
		c.set(o, refused)
	}
	return c
}

// Barred returns the capabilities of a client that does not know the options.
func (c Capabilities) Barred(list ...Option) Capabilities {
	for _, o := range list {
		c.options[o] = barred
	}
	return c
}

// set changes what is known of an option that the client knows.
func (c *Capabilities) set(o Option, k knowledge) {
	if c.options[o] != barred {
		c.options[o] = k
	}
}

// After returns what is known once a run has ended. again says that the run was refused, and is to
// be repeated at once with the new capabilities, which make a different run. It is not set when the
// remote is in trouble.
func (c Capabilities) After(r Result) (next Capabilities, again bool) {
	next = c
	switch r.Missing {
	case MissingNothing, MissingVersions:
	case MissingNanoseconds:
		next.set(Nanoseconds, refused)
	case MissingDeleteArgs:
		next.set(MissingArgs, refused)
	case MissingElsewhere:
		next.set(Elsewhere, refused)
	case MissingDelete:
		next.NoDelete = true
	case MissingList:
		next.NoList = true
	case MissingChecksum:
		next.NoChecksum = true
	case MissingWindow:
		next.window = refused
	case MissingAnswer:
		next.brokeOff(r.Added)
	}
	switch r.Class {
	case Refused:
		return next, next != c || r.Missing == MissingAnswer
	case Trouble:
		next.outage()
	case Stopped:
	default:
		next.answered(r)
	}
	return next, false
}

// brokeOff records a run that ended before the receiver had said a word. A receiver that accepted
// an option yesterday may have been replaced by an older release since.
func (c *Capabilities) brokeOff(added Options) {
	tried, others := Options(0), Options(0)
	for o := range OptionCount {
		switch {
		case !added.Has(o) || c.options[o] == taken:
		case c.options[o] == onTrial, c.options[o] == stale:
			tried = tried.With(o)
		default:
			others = others.With(o)
		}
	}
	alone := tried&(tried-1) == 0 && others == 0 && tried != 0
	for o := range OptionCount {
		switch {
		case alone && tried.Has(o):
			c.set(o, refused)
		case !alone && added.Has(o) && c.options[o] != refused:
			c.set(o, doubted)
		}
	}
}

// outage ends the doubts: a remote that does not serve without the options
// either has told nothing about them.
func (c *Capabilities) outage() {
	for o := range OptionCount {
		if c.options[o] == doubted {
			c.options[o] = untried
		}
	}
}

// answered records a run that the receiver has answered. One of the doubted options that the run
// did not have is tried next.
func (c *Capabilities) answered(r Result) {
	for o := range OptionCount {
		if r.Added.Has(o) && !refuses(r.Missing, o) {
			c.set(o, taken)
		}
	}
	for o := range OptionCount {
		if c.options[o] == onTrial {
			return
		}
	}
	for o := range OptionCount {
		if r.Spared.Has(o) && c.options[o] == doubted {
			c.options[o] = onTrial
			return
		}
	}
}

// refuses tells whether m names the option.
func refuses(m Missing, o Option) bool {
	return m == MissingNanoseconds && o == Nanoseconds || m == MissingDeleteArgs && o == MissingArgs || m == MissingElsewhere && o == Elsewhere
}

// Renewed returns the capabilities of a remote that may have another release by now: after an
// outage, a restart of this program, or a long time. Refused options are tried once more.
func (c Capabilities) Renewed() Capabilities {
	for o := range OptionCount {
		if c.options[o] == refused {
			c.options[o] = stale
		}
	}
	return c
}

// ComparesNanoseconds tells whether the rsync on this host can compare times by the
// nanosecond.
func (c Capabilities) ComparesNanoseconds() bool { return c.options[Nanoseconds] != barred }

// lacks tells whether an option was refused, here or there.
func (c Capabilities) lacks(o Option) bool {
	k := c.options[o]
	return k == refused || k == stale || k == barred
}

// On returns what was learnt of a receiver, joined with another client on this host.
func (c Capabilities) On(client Capabilities) Capabilities {
	for o := range OptionCount {
		client.set(o, c.options[o])
	}
	client.NoList, client.NoDelete, client.NoChecksum, client.window, client.Grain = c.NoList, c.NoDelete, c.NoChecksum, c.window, c.Grain
	return client
}

// Without tells people which options are not used, and what is done instead.
func (c Capabilities) Without() (list []string) {
	if c.lacks(Nanoseconds) {
		list = append(list, "times compared by the second")
	}
	if c.lacks(MissingArgs) {
		list = append(list, "deletions by patterns")
	}
	if c.lacks(Elsewhere) {
		list = append(list, "what is moved here is sent again")
	}
	if c.NoList {
		list = append(list, "the remote cannot be asked what it has")
	}
	if c.NoDelete {
		list = append(list, "no deletions")
	}
	if c.NoChecksum {
		list = append(list, "contents not compared")
	}
	return list
}

// The names and values under which refusals are remembered on disk.
const (
	rememberedTimes, bySecond      = "times", "seconds"
	rememberedDeletion, byPatterns = "delete", "patterns"
	rememberedList, noList         = "list", "refused"
	rememberedGrain                = "grain"
)

// Remember returns what a receiver lacks, for the state file. That it refuses all deletions, --checksum
// or what Elsewhere needs is not remembered: that is a line in its rsyncd.conf, and is found out again at
// each start.
func (c Capabilities) Remember() map[string]string {
	m := map[string]string{}
	if k := c.options[Nanoseconds]; k == refused || k == stale {
		m[rememberedTimes] = bySecond
	}
	if k := c.options[MissingArgs]; k == refused || k == stale {
		m[rememberedDeletion] = byPatterns
	}
	if c.NoList {
		m[rememberedList] = noList
	}
	if c.Grain != GrainUnknown {
		m[rememberedGrain] = c.Grain.String()
	}
	return m
}

// Recall joins what was remembered with what the client knows. The remote may be
// another release by now; see Renewed.
func (c Capabilities) Recall(m map[string]string) Capabilities {
	if m[rememberedTimes] == bySecond {
		c.set(Nanoseconds, refused)
	}
	if m[rememberedDeletion] == byPatterns {
		c.set(MissingArgs, refused)
	}
	c.NoList = m[rememberedList] == noList
	for g := GrainNanosecond; g <= GrainTwoSeconds; g++ {
		if m[rememberedGrain] == g.String() {
			c.Grain = g
		}
	}
	return c.Renewed()
}
