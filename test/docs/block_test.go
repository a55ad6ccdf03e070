package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// block is one fenced block of a page.
type block struct {
	page string // path relative to the repository
	line int    // the line of the opening fence
	info string // the text after the fence: the language and the words of this test
	text string
}

// lang is the first word of the info string.
func (b block) lang() string {
	lang, _, _ := strings.Cut(b.info, " ")
	return lang
}

func (b block) shell() bool {
	return slices.Contains([]string{"sh", "bash", "shell", "console"}, b.lang())
}

func (b block) run() bool {
	return slices.Contains(strings.Fields(quoted.ReplaceAllString(b.info, "")), "run")
}

var quoted = regexp.MustCompile(`"[^"]*"`)

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// option returns the value of name=value in the info string.
func (b block) option(name string) string {
	for word := range strings.FieldsSeq(b.info) {
		if v, ok := strings.CutPrefix(word, name+"="); ok {
			return v
		}
	}
	return ""
}

// pages are the Markdown files of the project, by their paths relative to its root.
func pages(t testing.TB) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md", "test/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(testkit.Repository(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rel, err := filepath.Rel(testkit.Repository(), name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, rel)
		}
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages found: %q", len(list), list)
	}
	return list
}

func read(t testing.TB, page string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testkit.Repository(), page))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are the fenced blocks of a page.
func blocks(t testing.TB, page string) []block {
	t.Helper()
	return parseBlocks(t, page, read(t, page))
}

func parseBlocks(t testing.TB, page, text string) []block {
	t.Helper()
	var list []block
	var open *block
	fence, indent := "", ""
	for i, line := range strings.Split(text, "\n") {
		bare := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(bare, "```"):
			info := strings.TrimLeft(bare, "`")
			fence, indent = bare[:len(bare)-len(info)], line[:len(line)-len(bare)]
			open = &block{page: page, line: i + 1, info: strings.TrimSpace(info)}
		case open != nil && strings.TrimSpace(line) == fence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	if open != nil {
		t.Fatalf("%s: the block is never closed", open)
	}
	return list
}

func TestParseBlocks(t *testing.T) {
	got := parseBlocks(t, "p", "a\n```sh run exit=2\necho\n```\n  ````xml\n  <a>\n  ```\n  ````\n")
	want := []block{{"p", 2, "sh run exit=2", "echo\n"}, {"p", 5, "xml", "<a>\n```\n"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got[0].option("exit") != "2" || !got[0].run() || !got[0].shell() || got[1].shell() {
		t.Errorf("options of %q are not read", got[0].info)
	}
}

var reason = regexp.MustCompile(`\bnorun="[^"]{10,}"`)

// TestEveryShellBlockIsMarked: each shell block is marked, because a command in a block without a
// mark would never be tried.
func TestEveryShellBlockIsMarked(t *testing.T) {
	ran := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if !b.shell() {
				continue
			}
			switch {
			case b.run() && reason.MatchString(b.info):
				t.Errorf("%s: both run and norun", b)
			case b.run():
				ran++
			case !reason.MatchString(b.info):
				t.Errorf("%s: neither run nor norun=\"why\": %q", b, b.info)
			}
		}
	}
	if ran < 20 {
		t.Errorf("only %d blocks are run", ran)
	}
}

// TestLanguagesRunTheSame: the Chinese pages have the same commands and configurations as the
// English ones, so a test that runs one page has run both.
func TestLanguagesRunTheSame(t *testing.T) {
	for _, page := range pages(t) {
		english, ok := strings.CutSuffix(page, ".zh.md")
		if !ok {
			continue
		}
		english += ".md"
		theirs, ours := runnable(t, page), runnable(t, english)
		if len(theirs) != len(ours) {
			t.Errorf("%s has %d commands and configurations, %s has %d", page, len(theirs), english, len(ours))
		}
		for i := range min(len(theirs), len(ours)) {
			if theirs[i].text != ours[i].text || theirs[i].lang() != ours[i].lang() {
				t.Errorf("%s differs from %s:\n%s\n%s", theirs[i], ours[i], theirs[i].text, ours[i].text)
			}
		}
	}
}

func runnable(t *testing.T, page string) []block {
	t.Helper()
	var list []block
	for _, b := range blocks(t, page) {
		if b.shell() || b.lang() == "xml" {
			list = append(list, b)
		}
	}
	return list
}
