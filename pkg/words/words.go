// Package words has what the program says in Chinese: causes and remedies, in one
// table for the command line and for the status page, and what --check says.
package words

import (
	_ "embed" // the table
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Script is the table as the status page reads it, a JavaScript module.
//
//go:embed said.js
var Script []byte

// Said is what is said by a sentence, whatever its language: the code that stands
// for it in the table, and what stands for the braces of the English sentence.
type Said struct {
	Code string   `json:"code"`
	Args []string `json:"args,omitempty"`
}

// Code is what a sentence says; ok is false for one that the table has not.
func Code(sentence string) (s Said, ok bool) {
	t := chineseTable()
	if code, ok := t.codes[sentence]; ok {
		return Said{Code: code}, true
	}
	for _, p := range t.patterns {
		if m := p.find(sentence); m != nil && p.code != "" {
			return Said{p.code, m[1:]}, true
		}
	}
	return Said{}, false
}

// Chinese is what is said, in Chinese; empty for a code that the table has not, such
// as one of a newer program.
func (s Said) Chinese() string {
	t := chineseTable()
	if said, ok := t.byCode[s.Code]; ok {
		return said
	}
	for _, p := range t.patterns {
		if p.code == s.Code && len(p.names) == len(s.Args) {
			return p.fill(s.Args)
		}
	}
	return ""
}

// Chinese returns in Chinese what the program says about a cause or a remedy. A
// sentence that is not in the table comes back as it is.
func Chinese(sentence string) string {
	t := chineseTable()
	if said, ok := t.whole[sentence]; ok {
		return said
	}
	for _, p := range t.patterns {
		if m := p.find(sentence); m != nil {
			return p.fill(m[1:])
		}
	}
	return sentence
}

// table is the one of said.js.
type table struct {
	whole    map[string]string // Chinese, by the sentence
	codes    map[string]string // by the sentence
	byCode   map[string]string // Chinese
	patterns []pattern
}

// pattern is a sentence with words in braces, which stand for those of a remote.
type pattern struct {
	code   string // empty: what --check says has none
	match  *regexp.Regexp
	prefix string // of every sentence that matches
	names  []string
	said   string
}

var (
	entry = regexp.MustCompile(`(?m)^  "([a-z0-9-]+)": \[("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\],$`)
	word  = regexp.MustCompile(`\{(\w+)\}`)
)

var chineseTable = sync.OnceValue(func() table {
	t := table{whole: map[string]string{}, codes: map[string]string{}, byCode: map[string]string{}}
	for _, m := range entry.FindAllSubmatch(Script, -1) {
		var sentence, said string
		if json.Unmarshal(m[2], &sentence) == nil && json.Unmarshal(m[3], &said) == nil {
			t.add(string(m[1]), sentence, said)
		}
	}
	for _, e := range slices.Concat(check, options, pluginErrors, edge) {
		t.add("", e[0], e[1])
	}
	return t
})

// add adds a sentence in English and in Chinese, and its code, if it has one.
func (t *table) add(code, sentence, said string) {
	if !word.MatchString(sentence) {
		t.whole[sentence] = said
		if code != "" {
			t.codes[sentence], t.byCode[code] = code, said
		}
		return
	}
	p := pattern{code: code, said: said, prefix: sentence[:strings.IndexByte(sentence, '{')]}
	var text strings.Builder
	last := 0
	for _, at := range word.FindAllStringSubmatchIndex(sentence, -1) {
		text.WriteString(regexp.QuoteMeta(sentence[last:at[0]]) + "(.+?)")
		p.names = append(p.names, sentence[at[2]:at[3]])
		last = at[1]
	}
	text.WriteString(regexp.QuoteMeta(sentence[last:]))
	p.match = regexp.MustCompile("(?s)^" + text.String() + "$")
	t.patterns = append(t.patterns, p)
}

// find is what stands for the braces in a sentence; nil: it is another one.
func (p pattern) find(sentence string) []string {
	if !strings.HasPrefix(sentence, p.prefix) {
		return nil
	}
	return p.match.FindStringSubmatch(sentence)
}

// fill puts the words that were found into the Chinese sentence.
func (p pattern) fill(found []string) string {
	return word.ReplaceAllStringFunc(p.said, func(braced string) string {
		for i, name := range p.names {
			if braced == "{"+name+"}" {
				return found[i]
			}
		}
		return braced
	})
}
