package statusclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// The exit statuses of Where and Pending besides status.NotRunning.
const (
	everywhere = 0 // every remote has the path as it is here; nothing waits
	elsewhere  = 1 // also what complain returns: it could not be found out
)

// Where has the program ask the remotes for a path, which is below the working directory when it is
// relative, and writes the answer, lane by lane. It returns the program's exit status.
func Where(ctx context.Context, c *Client, path string, asJSON bool, lang status.Lang, out, errOut io.Writer) int {
	abs, err := filepath.Abs(path)
	if err != nil {
		return complain(errOut, err)
	}
	answer, err := c.ask(ctx, "/api/where?path="+url.QueryEscape(abs))
	var found status.Whereabouts
	if err == nil {
		err = json.Unmarshal(answer, &found)
	}
	if err != nil {
		return complain(errOut, err)
	}
	if asJSON {
		_, err = out.Write(answer)
	} else {
		_, err = io.WriteString(out, whereText(found, lang))
	}
	if err != nil {
		return complain(errOut, err)
	}
	for _, p := range found.Places {
		if !p.Settled() {
			return elsewhere
		}
	}
	return everywhere
}

// ask asks a question that names a path or a lane.
func (c *Client) ask(ctx context.Context, question string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, question, nil)
}

// phrase chooses the language of a text.
func phrase(lang status.Lang, english, chinese string) string {
	return [...]string{english, chinese}[lang]
}

// whereText is the answer for people: a line for what is here, and a few for each lane.
func whereText(found status.Whereabouts, lang status.Lang) string {
	localizePlaces(found, lang)
	var b strings.Builder
	root := ""
	for _, p := range found.Places {
		if p.Root != root {
			root = p.Root
			full := p.Root
			if p.Path != "" {
				full = strings.TrimSuffix(p.Root, "/") + "/" + p.Path
			}
			fmt.Fprintf(&b, "%s: %s\n", status.Printable(full), copyText(p.Here, lang))
		}
		fmt.Fprintf(&b, "  %d  %s: %s\n", p.Number, status.Printable(destination(p)), placeText(p, lang))
		for _, line := range placeNotes(p, lang) {
			fmt.Fprintf(&b, "       %s\n", line)
		}
	}
	return b.String()
}

// localizePlaces translates the causes and remedies of an answer.
func localizePlaces(found status.Whereabouts, lang status.Lang) {
	for i := range found.Places {
		p := &found.Places[i]
		p.Reason, p.Remedy = found.Said.In(lang, p.Reason), found.Said.In(lang, p.Remedy)
		if p.Waiting != nil {
			wait := *p.Waiting // what was passed stays as it is
			localizeWait(&wait, found.Said, lang)
			p.Waiting = &wait
		}
	}
}

func localizeWait(w *status.Wait, said status.Sentences, lang status.Lang) {
	w.Reason, w.Remedy = said.In(lang, w.Reason), said.In(lang, w.Remedy)
}

// copyText is what one side has.
func copyText(c *status.Copy, lang status.Lang) string {
	if c == nil {
		return phrase(lang, "not here", "本机没有")
	}
	kinds := map[string]string{"file": "文件", "directory": "目录", "link": "链接", "other": "其他类型"}
	kind := c.Kind
	if lang == status.Chinese {
		kind = kinds[c.Kind]
	}
	text := kind
	if c.Kind == "file" {
		text += ", " + status.Size(c.Size)
	}
	if !c.Modified.IsZero() {
		text += ", " + c.Modified.Local().Format("2006-01-02 15:04:05")
	}
	return text
}

// destination is the remote of a place, with the port by which two lanes to one host
// differ.
func destination(p status.Place) string {
	if d, ok := strings.CutPrefix(p.Lane, p.Root+"#"); ok && strings.HasPrefix(d, p.Remote) {
		return d
	}
	return p.Remote
}

// placeText is the verdict over one remote.
func placeText(p status.Place, lang status.Lang) string {
	there := ""
	if p.There != nil && !p.There.Modified.IsZero() {
		there = " (" + copyText(p.There, lang) + ")"
	}
	if e := p.Edges; e != nil {
		return edgesText(*e, lang)
	}
	switch p.Verdict {
	case status.Same:
		switch {
		case p.Here == nil:
			return phrase(lang, "not there either", "远端也没有")
		case p.Contents:
			return phrase(lang, "the same", "相同")
		}
		return phrase(lang, "the same by size and time", "大小和时间相同")
	case status.Older:
		return phrase(lang, "older", "较旧") + there
	case status.Ahead:
		return phrase(lang, "newer", "较新") + there
	case status.Other:
		return phrase(lang, "differs", "不同") + there
	case status.Missing:
		return phrase(lang, "missing", "缺少")
	case status.Only:
		return phrase(lang, "only there", "仅远端有") + there
	default: // status.Unasked
		return phrase(lang, "not asked", "未能查询") + ": " + status.Printable(p.Reason)
	}
}

// edgesText says which edges lack a path.
func edgesText(e status.PlaceEdges, lang status.Lang) string {
	if e.Lacking == 0 {
		return fmt.Sprintf(phrase(lang, "on all %d edges", "%d 个边缘节点都已有"), e.Known)
	}
	names := strings.Join(e.Names, ", ")
	if more := e.Lacking - len(e.Names); more > 0 {
		names += fmt.Sprintf(phrase(lang, ", and %d more", "，另有 %d 个"), more)
	}
	if !e.Exact {
		return fmt.Sprintf(phrase(lang, "perhaps not yet on %d of %d edges: %s", "%d 个边缘节点可能还没有（共 %d 个）：%s"), e.Lacking, e.Known, status.Printable(names))
	}
	return fmt.Sprintf(phrase(lang, "not yet on %d of %d edges: %s", "%d 个边缘节点还没有（共 %d 个）：%s"), e.Lacking, e.Known, status.Printable(names))
}

// placeNotes are what else is known of a path and one remote.
func placeNotes(p status.Place, lang status.Lang) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	remedy := func(detail, text string) {
		if detail != "" {
			add("%s", status.Printable(detail))
		}
		if text != "" {
			add("%s: %s", phrase(lang, "remedy", "处理"), status.Printable(text))
		}
	}
	if p.Verdict == status.Unasked {
		remedy(p.Detail, p.Remedy)
	}
	if e := p.Excluded; e != nil {
		add("%s", excludedText(*e, lang))
	}
	if p.Writing {
		add("%s", phrase(lang, "a program is still writing it; it is sent after its close", "仍有程序在写入，关闭后发送"))
	}
	if w := p.Waiting; w != nil {
		add("%s", waitText(*w, p.Path, lang))
		if w.Reason != p.Reason {
			remedy(w.Detail, w.Remedy)
		}
		if w.Command != "" {
			add("%s: %s", phrase(lang, "by hand", "手动执行"), status.Printable(w.Command))
		}
	}
	if p.Below > 0 {
		add(phrase(lang, "%d changes below it wait", "其下有 %d 项变更在等待"), p.Below)
	}
	return lines
}

// excludedText says what excludes a path, and where that is written.
func excludedText(e status.Exclusion, lang status.Lang) string {
	at := ""
	if e.File != "" && e.Line > 0 {
		at = fmt.Sprintf(" (%s:%d)", status.Printable(e.File), e.Line)
	}
	text := strings.ReplaceAll(status.Printable(e.Text), `\\`, `\`) // an expression is read as it is written
	switch e.By {
	case status.ByFilter:
		return phrase(lang, "excluded by <filter>: ", "被 <filter> 排除：") + text + at
	case status.ByParams:
		return phrase(lang, "excluded by the rsync parameters: ", "被 rsync 参数排除：") + text + at
	case status.ByKind:
		return phrase(lang, "the rsync parameters carry no files of this kind", "rsync 参数不传送这类文件") + at
	case status.ByName:
		return phrase(lang, "its events are ignored because of its name; a full sync sends it, and dotfiles= is about names with a dot", "因名称而忽略其事件；全量同步会发送它，dotfiles= 可让点开头的文件参与同步") + at
	case status.ByLink:
		return phrase(lang, "behind a link, which is sent as a link: ", "位于链接之后，链接本身按链接发送：") + text
	case status.ByRemote:
		return phrase(lang, "excluded by the remote's own configuration", "被远端自身的配置排除")
	default: // status.ByParts
		return phrase(lang, "a part of a large file that another host is sending", "其他主机正在发送的大文件的一部分")
	}
}

// waitText says since when a change waits, and for what.
func waitText(w status.Wait, path string, lang status.Lang) string {
	now := time.Now()
	since := status.Span(now.Sub(w.Since), lang)
	text := fmt.Sprintf(phrase(lang, "waiting for %s", "已等待%s"), since)
	if w.InFlight {
		text = fmt.Sprintf(phrase(lang, "being sent, changed %s ago", "正在发送，变更于%s前"), since)
	}
	if w.Path != path {
		dir := status.Printable(w.Path)
		if dir == "" {
			dir = "."
		}
		text += fmt.Sprintf(phrase(lang, ", with %s", "，随 %s"), dir)
	}
	if w.Attempt > 0 {
		text += fmt.Sprintf(phrase(lang, ", failed attempts: %d, %s", "，已失败 %d 次，%s"), w.Attempt, status.Printable(w.Reason))
	}
	next := w.NextTry.Sub(now)
	switch {
	case w.Attempt == 0 && w.Reason != "" && w.NextTry.IsZero():
		text += phrase(lang, ", ", "，") + status.Printable(w.Reason)
	case w.NextTry.IsZero() || next <= 0:
	case w.Attempt == 0 && w.Reason != "":
		text += fmt.Sprintf(phrase(lang, ", %s, until %s", "，%s，直到 %s"), status.Printable(w.Reason), status.Moment(w.NextTry))
	default:
		text += fmt.Sprintf(phrase(lang, ", next try in %s", "，%s后重试"), status.Span(next, lang))
	}
	return text
}

// Pending writes what waits on the lanes that the words mean (see pick; none: every
// lane), oldest first. It returns the program's exit status.
func Pending(ctx context.Context, c *Client, words []string, asJSON bool, lang status.Lang, out, errOut io.Writer) int {
	s, err := c.Status(ctx)
	if err != nil {
		return complain(errOut, err)
	}
	lanes, err := pick(s.Lanes, everyLane(words))
	if err != nil {
		return complain(errOut, err)
	}
	all, err := c.pending(ctx, lanes, len(words) == 0)
	if err != nil {
		return complain(errOut, err)
	}
	if asJSON {
		b, merr := json.Marshal(all)
		if err = merr; err == nil {
			_, err = out.Write(append(b, '\n'))
		}
	} else {
		_, err = io.WriteString(out, pendingText(all, s.Lanes, lang))
	}
	if err != nil {
		return complain(errOut, err)
	}
	if all.Total > 0 {
		return elsewhere
	}
	return everywhere
}

// pending asks for what waits on some lanes, or on every one.
func (c *Client) pending(ctx context.Context, lanes []numbered, every bool) (all status.Pending, err error) {
	ids := []string{""}
	if !every {
		ids = nil
		for _, l := range lanes {
			ids = append(ids, l.lane.ID)
		}
	}
	for _, id := range ids {
		answer, err := c.ask(ctx, "/api/pending?lane="+url.QueryEscape(id))
		if err != nil {
			return all, err
		}
		var p status.Pending
		if err := json.Unmarshal(answer, &p); err != nil {
			return all, fmt.Errorf("ask %s: %w", c.socket, err)
		}
		all.Total, all.Waits = all.Total+p.Total, append(all.Waits, p.Waits...)
		if all.Said == nil {
			all.Said = p.Said
		}
		maps.Copy(all.Said, p.Said)
	}
	return all.Oldest(status.DefaultPending), nil
}

// pendingText is one line for each path that waits, and more for what fails.
func pendingText(p status.Pending, lanes []status.Lane, lang status.Lang) string {
	for i := range p.Waits {
		localizeWait(&p.Waits[i], p.Said, lang)
	}
	if p.Total == 0 {
		return phrase(lang, "nothing waits\n", "没有等待的变更\n")
	}
	var b strings.Builder
	fmt.Fprintf(&b, phrase(lang, "changes that wait: %d\n", "等待的变更：%d\n"), p.Total)
	for _, w := range p.Waits {
		path := status.Printable(w.Path)
		if w.Tree || path == "" {
			path += "/"
		}
		fmt.Fprintf(&b, "  %d  %s  %s\n", w.Number, path, waitText(w, w.Path, lang))
		if w.Reason != "" && w.Remedy != "" {
			fmt.Fprintf(&b, "       %s: %s\n", phrase(lang, "remedy", "处理"), status.Printable(w.Remedy))
		}
	}
	if more := p.Total - len(p.Waits); more > 0 {
		fmt.Fprintf(&b, phrase(lang, "  and %d more\n", "  另有 %d 项\n"), more)
	}
	for i, l := range lanes {
		if uses(p, i+1) {
			fmt.Fprintf(&b, phrase(lang, "lane %d is %s\n", "通道 %d：%s\n"), i+1, status.Printable(l.ID))
		}
	}
	return b.String()
}

// uses tells whether a lane has something in the list.
func uses(p status.Pending, number int) bool {
	for _, w := range p.Waits {
		if w.Number == number {
			return true
		}
	}
	return false
}
