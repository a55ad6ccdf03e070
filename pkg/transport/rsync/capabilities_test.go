package rsync

import (
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

// receiver is a remote that refuses some options.
type receiver struct {
	refuses transport.Options
	says    bool // the remote names the option that it refuses
	down    bool // the remote resets every run
}

// end is the result of a run at this receiver.
func (v receiver) end(r Run) transport.Result {
	added, spared := r.options()
	out := transport.Result{Class: transport.Done, Added: added, Spared: spared}
	switch bad := added & v.refuses; {
	case v.down && added == 0:
		out.Class = transport.Trouble
	case v.down, bad != 0 && !v.says:
		out.Class, out.Missing = transport.Refused, transport.MissingAnswer
	case bad.Has(transport.Nanoseconds):
		out.Class, out.Missing = transport.Refused, transport.MissingNanoseconds
	case bad.Has(transport.MissingArgs):
		out.Class, out.Missing = transport.Refused, transport.MissingDeleteArgs
	}
	return out
}

// bring repeats a run as long as it is to be repeated, and returns how many runs that took.
func (v receiver) bring(t *testing.T, c *transport.Capabilities, r Run) (runs int, last transport.Class) {
	t.Helper()
	for again := true; again; runs++ {
		if runs == 8 {
			t.Fatalf("8 runs, and no end: %+v", *c)
		}
		r.Caps = *c
		end := v.end(r)
		*c, again = c.After(end)
		last = end.Class
	}
	return runs, last
}

func TestWhatAReceiverTakesIsLearnt(t *testing.T) {
	const nano, missing = transport.Options(1) << transport.Nanoseconds, transport.Options(1) << transport.MissingArgs
	send, remove := Run{Batch: transport.Batch{Kind: transport.Send}}, Run{Batch: transport.Batch{Kind: transport.Delete}}
	const seconds, patterns = "times compared by the second", "deletions by patterns"
	for name, c := range map[string]struct {
		receiver receiver
		runs     []Run
		took     []int
		without  string
	}{
		"the newest":                     {receiver{}, []Run{send, remove, send}, []int{1, 1, 1}, ""},
		"3.1.2":                          {receiver{refuses: nano}, []Run{send, send, remove, send}, []int{2, 2, 1, 1}, seconds},
		"3.1.2, a deletion first":        {receiver{refuses: nano}, []Run{remove, remove, remove, remove}, []int{2, 2, 1, 1}, seconds},
		"3.0.9":                          {receiver{refuses: nano | missing, says: true}, []Run{send, remove, send, remove}, []int{2, 2, 1, 1}, seconds + "|" + patterns},
		"3.0.9, which says nothing":      {receiver{refuses: nano | missing}, []Run{send, send, remove, remove, send, remove}, []int{2, 2, 2, 2, 1, 1}, seconds + "|" + patterns},
		"3.0.9 silent, a deletion first": {receiver{refuses: nano | missing}, []Run{remove, remove, remove, remove}, []int{2, 2, 2, 1}, seconds + "|" + patterns},
		"Debian's 3.2.7":                 {receiver{refuses: missing, says: true}, []Run{send, remove, remove}, []int{1, 2, 1}, patterns},
		"silent about deletions alone":   {receiver{refuses: missing}, []Run{remove, remove, send, remove, remove}, []int{2, 1, 1, 2, 1}, patterns},
	} {
		var known transport.Capabilities
		var took []int
		for _, r := range c.runs {
			n, last := c.receiver.bring(t, &known, r)
			if took = append(took, n); last != transport.Done {
				t.Errorf("%s: ended with %v", name, last)
			}
		}
		if !slices.Equal(took, c.took) || strings.Join(known.Without(), "|") != c.without {
			t.Errorf("%s: took %v runs, want %v; without %q, want %q", name, took, c.took, known.Without(), c.without)
		}
	}
}

// A remote that resets even the plainest run is down, and nothing is learnt from that.
func TestAnOutageTeachesNothing(t *testing.T) {
	down, up := receiver{down: true}, receiver{}
	var known transport.Capabilities
	for range 3 {
		if n, last := down.bring(t, &known, Run{Batch: transport.Batch{Kind: transport.Delete}}); n != 2 || last != transport.Trouble || known.Without() != nil {
			t.Errorf("%d runs, %v, %+v", n, last, known)
		}
	}
	if n, _ := up.bring(t, &known, Run{Batch: transport.Batch{Kind: transport.Delete}}); n != 1 || !known.Takes(transport.Nanoseconds) || !known.Takes(transport.MissingArgs) {
		t.Errorf("%d runs, %+v", n, known)
	}
}

// A session that breaks off by chance costs one run without the options.
func TestOneBrokenSessionIsNoRefusal(t *testing.T) {
	var known transport.Capabilities
	r := Run{Batch: transport.Batch{Kind: transport.Delete}}
	known, again := known.After(receiver{down: true}.end(r))
	if !again || known.Takes(transport.Nanoseconds) || known.Takes(transport.MissingArgs) {
		t.Fatalf("%v, %+v", again, known)
	}
	for range 3 {
		receiver{}.bring(t, &known, r)
	}
	if !known.Takes(transport.Nanoseconds) || !known.Takes(transport.MissingArgs) || known.Without() != nil {
		t.Errorf("%+v", known)
	}
}

func TestAnotherReleaseIsLearntAgain(t *testing.T) {
	old, middle, recent := receiver{refuses: 3}, receiver{refuses: 1}, receiver{}
	var known transport.Capabilities
	rounds := func(v receiver) (runs int) {
		for range 6 {
			n, last := v.bring(t, &known, Run{Batch: transport.Batch{Kind: transport.Delete}})
			if runs += n; last != transport.Done {
				t.Errorf("%v", last)
			}
		}
		return runs
	}
	for i, v := range []receiver{old, recent, middle, old, middle, recent, old} {
		// An upgrade is noticed after an outage or a restart, a downgrade by itself.
		if i%2 == 0 {
			known = known.Renewed()
		} else {
			known = transport.Capabilities{}.Recall(known.Remember())
		}
		rounds(v)
		if n := rounds(v); n != 6 || known.Takes(transport.Nanoseconds) != !v.refuses.Has(transport.Nanoseconds) || known.Takes(transport.MissingArgs) != !v.refuses.Has(transport.MissingArgs) {
			t.Errorf("release %d: %d runs for 6, %+v", i, n, known)
		}
	}
}

func TestWhatIsRememberedIsTriedOnceMore(t *testing.T) {
	known := transport.Capabilities{}.Recall(transport.Capabilities{NoList: true}.Lacking(transport.Nanoseconds, transport.MissingArgs).Remember())
	if !known.NoList || len(known.Without()) != 3 || !known.Takes(transport.Nanoseconds) {
		t.Errorf("%+v", known)
	}
	if n, _ := (receiver{refuses: 1}).bring(t, &known, Run{Batch: transport.Batch{Kind: transport.Send}}); n != 2 || known.Takes(transport.Nanoseconds) {
		t.Errorf("%d runs, %+v", n, known)
	}
	if n, _ := (receiver{refuses: 1}).bring(t, &known, Run{Batch: transport.Batch{Kind: transport.Send}}); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// An option that the client on this host does not know is never tried.
func TestAnOldClientStaysOne(t *testing.T) {
	client, lost := Version{3, 0, 9}.Capabilities()
	known := transport.Capabilities{}.On(client).Recall(nil).Renewed()
	known, _ = known.After(transport.Result{Class: transport.Done, Spared: 3})
	if known.Takes(transport.Nanoseconds) || known.Takes(transport.MissingArgs) || len(lost) != 2 || len(known.Without()) != 2 {
		t.Errorf("%+v, %q", known, lost)
	}
}

// An option that the user has chosen already, or that is of no use in a run, is not added.
func TestOnlyWhatServesIsAdded(t *testing.T) {
	own := Target{Params: params(t, "-a --modify-window=2")}
	for name, c := range map[string]struct {
		run  Run
		want transport.Options
	}{
		"send":                  {Run{Batch: transport.Batch{Kind: transport.Send}}, 1},
		"times":                 {Run{Batch: transport.Batch{Kind: transport.Times}}, 0},
		"delete":                {Run{Batch: transport.Batch{Kind: transport.Delete}}, 3},
		"delete exactly":        {Run{Batch: transport.Batch{Kind: transport.Delete, Exact: true}}, 1},
		"tree":                  {Run{Batch: transport.Batch{Kind: transport.Tree, MayDelete: true}}, 1},
		"tree, deleting inside": {Run{Batch: transport.Batch{Kind: transport.Tree, MayDelete: true, DeleteInside: true}}, 3},
		"survey":                {Run{Batch: transport.Batch{Kind: transport.SurveyGone}}, 1},
		"verify":                {Run{Batch: transport.Batch{Kind: transport.Full, Verify: true}}, 1},
		"own window":            {Run{Batch: transport.Batch{Kind: transport.Delete}, Target: own}, 2},
	} {
		args := strings.Join(c.run.Args(), " ")
		got, _ := c.run.options()
		window := strings.Contains(args, "--modify-window=-1") && !c.run.Pulls() // the remote need not know an option for comparing on this host
		if got != c.want || window != c.want.Has(transport.Nanoseconds) || strings.Contains(args, "missing-args") != c.want.Has(transport.MissingArgs) {
			t.Errorf("%s: %b in %s", name, got, args)
		}
		c.run.Caps = c.run.Caps.Lacking(transport.Nanoseconds, transport.MissingArgs)
		if added, spared := c.run.options(); added != 0 || spared != c.want {
			t.Errorf("%s: added %b, spared %b", name, added, spared)
		}
	}
}
