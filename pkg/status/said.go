package status

import (
	"unicode/utf8"

	"github.com/sersync/sersync/pkg/words"
)

// Sentences are the codes of the English sentences in an answer, by the sentence. Programs and
// translations should use the codes, because the wording of a sentence may change.
type Sentences map[string]words.Said

// In is a sentence of the answer in a language. What has no code stays as it is.
func (s Sentences) In(lang Lang, sentence string) string {
	if lang != Chinese {
		return sentence
	}
	if said, ok := s[sentence]; ok {
		if text := said.Chinese(); text != "" {
			return text
		}
	}
	return words.Chinese(sentence)
}

// add notes sentences that have a code.
func (s Sentences) add(list ...string) {
	for _, sentence := range list {
		if _, known := s[sentence]; known || sentence == "" || !utf8.ValidString(sentence) { // JSON could not carry it
			continue
		}
		if said, ok := words.Code(sentence); ok {
			s[sentence] = said
		}
	}
}

func (s Sentences) lane(l Lane) {
	s.add(l.Reason, l.Remedy, l.Release)
	s.add(l.Without...)
	for _, d := range l.Differences {
		s.add(d.Remedy)
	}
	for _, f := range l.Failures {
		s.add(f.Reason, f.Remedy)
	}
	if l.Verify != nil {
		s.add(l.Verify.Error)
	}
	if l.Edges != nil {
		for _, e := range l.Edges.List {
			s.add(e.Reason, e.Remedy)
		}
	}
}

func (s Sentences) wait(w *Wait) {
	if w != nil {
		s.add(w.Reason, w.Remedy)
	}
}

// sentences are those of the whole state.
func (s Snapshot) sentences() Sentences {
	said := Sentences{}
	for _, r := range s.Roots {
		said.add(r.Reason, r.Remedy)
	}
	for _, l := range s.Lanes {
		said.lane(l)
	}
	for _, n := range s.Notes {
		said.add(n.Subject, n.Reason, n.Remedy)
	}
	return said
}

func (d Detail) sentences() Sentences {
	said := Sentences{}
	said.lane(d.Lane)
	for i := range d.Pending.Waits {
		said.wait(&d.Pending.Waits[i])
	}
	for _, c := range d.Causes {
		said.add(c.Reason, c.Remedy)
	}
	return said
}

func (w Whereabouts) sentences() Sentences {
	said := Sentences{}
	for _, p := range w.Places {
		said.add(p.Reason, p.Remedy)
		said.wait(p.Waiting)
	}
	return said
}

func (p Pending) sentences() Sentences {
	said := Sentences{}
	for i := range p.Waits {
		said.wait(&p.Waits[i])
	}
	return said
}
