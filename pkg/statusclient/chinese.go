package statusclient

import (
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/words"
)

// say is a sentence of the program in the language of the operator.
func say(sentence string, lang status.Lang) string {
	if lang != status.Chinese {
		return sentence
	}
	return words.Chinese(sentence)
}

// localize translates the causes and remedies of a snapshot into the language of the operator.
// Messages of rsync and names stay as they are.
func localize(s *status.Snapshot, lang status.Lang) {
	if lang != status.Chinese {
		return
	}
	in := func(sentences ...*string) {
		for _, sentence := range sentences {
			*sentence = s.Said.In(lang, *sentence)
		}
	}
	for i := range s.Roots {
		in(&s.Roots[i].Reason, &s.Roots[i].Remedy)
	}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		in(&l.Reason, &l.Remedy)
		if l.Verify != nil {
			in(&l.Verify.Error)
		}
		for j := range l.Failures {
			in(&l.Failures[j].Reason, &l.Failures[j].Remedy)
		}
	}
	for i := range s.Notes {
		in(&s.Notes[i].Subject, &s.Notes[i].Reason, &s.Notes[i].Remedy)
	}
}
