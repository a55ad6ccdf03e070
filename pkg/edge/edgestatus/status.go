package edgestatus

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sersync/sersync/pkg/edge/follow"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/words"
)

// The states of a tree.
const (
	InSync    = "in sync"
	Applying  = "applying"
	Comparing = "comparing"
	Trouble   = "trouble"
)

// Status is one edge.
type Status struct {
	Edge    string    `json:"edge"`
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Trees   []Tree    `json:"trees"`
	Plugins []Plugin  `json:"plugins,omitempty"`
	// Said has the codes of what the trees say in English, by the sentence.
	Said map[string]words.Said `json:"said,omitempty"`
}

// Tree is one tree of an edge.
type Tree struct {
	Name  string `json:"name"`
	Dir   string `json:"dir"`
	State string `json:"state"`
	// Trouble is why the state is "trouble", Detail the message of the system, and Remedy what to
	// do.
	Trouble string `json:"trouble,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	Epoch   string `json:"epoch,omitempty"`
	// Sequence and Generation are of the last message up to which everything is here.
	Sequence   uint64  `json:"sequence"`
	Generation uint64  `json:"generation"`
	Taken      uint64  `json:"taken"` // the last message whose entries are in the backlog or applied
	Dirty      int     `json:"dirty"` // paths that have not the state of the stream yet
	Failing    int     `json:"failing"`
	Lag        float64 `json:"lag"` // seconds
	Applied    uint64  `json:"applied"`
	Fetched    uint64  `json:"fetched"`
	Removed    uint64  `json:"removed"`
	Refused    uint64  `json:"refused"`
	Unheld     uint64  `json:"unheld"`
	Kept       uint64  `json:"kept"`
}

// Plugin is one plugin of an edge.
type Plugin struct {
	Name      string `json:"name"`
	Pending   int    `json:"pending"`
	Failing   bool   `json:"failing"`
	LastError string `json:"last_error,omitempty"`
}

// Of makes the status of a tree from its figures.
func Of(name, dir string, f follow.Figures, now time.Time) Tree {
	t := Tree{
		Name: name, Dir: dir, Sequence: f.Done.Sequence, Generation: f.Done.Generation, Taken: f.Taken.Sequence,
		Dirty: f.Dirty, Failing: f.Failing, Applied: f.Applied, Fetched: f.Fetched, Removed: f.Removed,
		Refused: f.Refused, Unheld: f.Unheld, Kept: f.Kept,
	}
	why := f.Trouble()
	t.Trouble, t.Detail, t.Remedy = why.Reason, why.Detail, why.Remedy
	if f.Known {
		t.Epoch = stream.EpochText(f.Epoch)
	}
	if !f.Behind.IsZero() {
		t.Lag = max(0, now.Sub(f.Behind).Seconds())
	}
	switch {
	case t.Trouble != "":
		t.State = Trouble
	case f.InSync():
		t.State = InSync
	case f.Comparing:
		t.State = Comparing
	default:
		t.State = Applying
		if !f.Connected {
			t.State, t.Trouble, t.Remedy = Trouble, "the edge has not reached its hub yet", "see the log of this edge"
		}
	}
	return t
}

// Level is the worst of an edge: 0 everything is in sync, 1 something is being applied,
// 2 there is trouble. It is also the exit status of --status.
func (s Status) Level() int {
	level := 0
	for _, t := range s.Trees {
		switch t.State {
		case InSync:
		case Trouble:
			level = 2
		default:
			level = max(level, 1)
		}
	}
	return level
}

// Coded is s with the codes of its sentences.
func (s Status) Coded() Status {
	s.Said = map[string]words.Said{}
	for _, t := range s.Trees {
		for _, sentence := range []string{t.Trouble, t.Remedy} {
			if said, ok := words.Code(sentence); ok && utf8.ValidString(sentence) { // JSON could not carry it
				s.Said[sentence] = said
			}
		}
	}
	return s
}

// in is a sentence of the status in Chinese, or as it is.
func (s Status) in(chinese bool, sentence string) string {
	if said, ok := s.Said[sentence]; chinese && ok && said.Chinese() != "" {
		return said.Chinese()
	}
	return sentence
}

// chineseTexts are the fixed words of the status in Chinese.
var chineseTexts = map[string]string{
	"edge %s, version %s": "边缘节点 %s，版本 %s", "TREE": "目录树", "STATE": "状态", "SEQUENCE": "消息序号", "DIRTY": "待处理", "FAILING": "失败", "LAG": "滞后", "DIRECTORY": "目录",
	InSync: "已同步", Applying: "应用中", Comparing: "正在比对", Trouble: "有故障", "remedy": "处理",
	"%s: %d messages or entries refused, %d entries not applied completely, %d deletions left out by configuration": "%s：拒绝的消息或条目 %d 个，未能完整应用的条目 %d 个，按配置未执行的删除 %d 个",
	"plugin %s: %d changes wait; %s": "插件 %s：%d 项变更等待；%s",
}

// Text writes the status for people, in Chinese if that is wanted.
func (s Status) Text(w io.Writer, chinese bool) error {
	in := func(text string) string {
		if translated, ok := chineseTexts[text]; ok && chinese {
			return translated
		}
		return text
	}
	if _, err := fmt.Fprintf(w, in("edge %s, version %s")+"\n\n", s.Edge, s.Version); err != nil {
		return err
	}
	rows := [][]string{{in("TREE"), in("STATE"), in("SEQUENCE"), in("DIRTY"), in("FAILING"), in("LAG"), in("DIRECTORY")}}
	for _, t := range s.Trees {
		rows = append(rows, []string{
			t.Name, in(t.State), strconv.FormatUint(t.Sequence, 10), strconv.Itoa(t.Dirty), strconv.Itoa(t.Failing),
			(time.Duration(t.Lag * float64(time.Second))).Round(time.Second).String(), line(t.Dir),
		})
	}
	if _, err := io.WriteString(w, table(rows)); err != nil {
		return err
	}
	for _, t := range s.Trees {
		if t.Trouble != "" {
			_, _ = fmt.Fprintf(w, "\n%s: %s\n", t.Name, line(s.in(chinese, t.Trouble)))
			if t.Detail != "" {
				_, _ = fmt.Fprintf(w, "  %s\n", line(t.Detail))
			}
			if t.Remedy != "" {
				_, _ = fmt.Fprintf(w, "  %s: %s\n", in("remedy"), line(s.in(chinese, t.Remedy)))
			}
		}
		if t.Refused+t.Unheld+t.Kept > 0 {
			_, _ = fmt.Fprintf(w, "\n"+in("%s: %d messages or entries refused, %d entries not applied completely, %d deletions left out by configuration")+"\n", t.Name, t.Refused, t.Unheld, t.Kept)
		}
	}
	for _, p := range s.Plugins {
		if p.Failing {
			_, _ = fmt.Fprintf(w, "\n"+in("plugin %s: %d changes wait; %s")+"\n", p.Name, p.Pending, line(p.LastError))
		}
	}
	return nil
}

// table writes rows with their columns beneath each other.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// width is how many columns of a terminal a text takes: a Chinese character takes two.
func width(s string) (n int) {
	for _, r := range s {
		if n++; unicode.Is(unicode.Han, r) {
			n++
		}
	}
	return n
}

// line makes one line of printable text.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
