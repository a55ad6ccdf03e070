package statusclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// The exit statuses of Verify besides status.NotRunning.
const (
	verifyEqual   = 0
	verifyDiffers = 1 // also what complain returns: it could not be found out
)

// Verify has the lanes that the words mean (see pick; none: every lane) compared
// with their remotes and writes what was found about each as soon as it is known; in
// JSON all of it at the end, as --status does. It returns the program's exit
// status: 0 when nothing differs. A lane that could not be compared does not
// hold up the others.
func Verify(ctx context.Context, c *Client, words []string, json bool, lang status.Lang, out, errOut io.Writer) int {
	v := verification{client: c, words: words, lang: lang, wanted: map[string]bool{}, before: map[string]time.Time{}, told: map[string]bool{}}
	if !json {
		v.tell = out
	}
	err := v.run(ctx)
	if json && v.begun {
		err = errors.Join(err, writeJSON(out, v.last))
	}
	if err != nil {
		return complain(errOut, err)
	}
	for _, l := range v.last.Lanes {
		if !l.Verify.Equal() {
			return verifyDiffers
		}
	}
	return verifyEqual
}

// verification is one call of Verify.
type verification struct {
	client *Client
	lang   status.Lang
	words  []string             // what the operator typed for lanes; see pick
	wanted map[string]bool      // the ids of the lanes that the words mean
	before map[string]time.Time // end of each lane's last comparison before this one
	told   map[string]bool      // lanes whose result is written
	tell   io.Writer            // nil: results are not written one by one
	begun  bool                 // the comparisons have been asked for
	last   status.Snapshot      // with the named lanes only
}

// run asks for the comparisons and returns when each lane has an answer.
func (v *verification) run(ctx context.Context) error {
	s, err := v.client.Status(ctx)
	if err != nil {
		return err
	}
	for _, l := range s.Lanes {
		if l.Verify != nil {
			v.before[l.ID] = l.Verify.Time
		}
	}
	lanes, err := pick(s.Lanes, everyLane(v.words))
	if err != nil {
		return err
	}
	if len(lanes) == 0 { // a plugin that runs alone: the program says why not
		return v.client.Act(ctx, status.Verify, "")
	}
	for _, l := range lanes {
		if err := v.client.Act(ctx, status.Verify, l.lane.ID); err != nil {
			return err
		}
		v.wanted[l.lane.ID] = true
		v.begun = true
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		err := v.look(ctx)
		if ctx.Err() == nil && (err != nil || v.open() == 0) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the comparison of %d lanes: %w", v.open(), ctx.Err())
		case <-tick.C:
		}
	}
}

// open is how many lanes had no answer when the status was asked for last.
func (v *verification) open() (n int) {
	for _, l := range v.last.Lanes {
		if !v.answered(l) {
			n++
		}
	}
	return n
}

func (v *verification) answered(l status.Lane) bool {
	return l.Verify != nil && l.Verify.Time.After(v.before[l.ID])
}

// look asks for the status once and writes what is new in it.
func (v *verification) look(ctx context.Context) error {
	s, err := v.client.Status(ctx)
	if err != nil {
		return err
	}
	s.Lanes = slices.DeleteFunc(s.Lanes, func(l status.Lane) bool { return !v.wanted[l.ID] })
	v.last = s
	for _, l := range s.Lanes {
		if v.tell == nil || v.told[l.ID] || !v.answered(l) {
			continue
		}
		v.told[l.ID] = true
		if err := writeVerified(v.tell, l, v.lang); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(out io.Writer, s status.Snapshot) error {
	b, err := status.Encode(s)
	if err == nil {
		_, err = out.Write(append(b, '\n'))
	}
	return err
}

// writeVerified writes what the comparison of one lane has found.
func writeVerified(out io.Writer, l status.Lane, lang status.Lang) error {
	text := fmt.Sprintf("%s: %s\n", status.Printable(l.ID), verdict(*l.Verify, lang))
	for _, n := range l.Verify.Names {
		text += fmt.Sprintf("  %s\n", status.Printable(n))
	}
	for _, n := range l.Verify.NewerNames {
		text += fmt.Sprintf([...]string{"  newer on the remote: %s\n", "  在远端更新：%s\n"}[lang], status.Printable(n))
	}
	for _, n := range l.Verify.Extras {
		text += fmt.Sprintf([...]string{"  only on the remote: %s\n", "  仅远端有：%s\n"}[lang], status.Printable(n))
	}
	if l.Verify.Newer > 0 {
		text += "  " + status.Difference{Kind: status.Newer, Count: l.Verify.Newer}.Advice(lang) + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func verdict(v status.Comparison, lang status.Lang) string {
	switch {
	case v.Error != "":
		return [...]string{"not compared: ", "未比对："}[lang] + status.Printable(say(v.Error, lang))
	case v.Equal():
		return [...]string{"no difference", "无差异"}[lang]
	}
	text := fmt.Sprintf([...]string{"%d differing, %d newer on the remote, %d only on the remote", "%d 条不同，%d 个文件在远端更新，%d 条仅远端有"}[lang],
		v.Differing, v.Newer, v.OnlyOnTarget)
	if v.Differing > len(v.Names) || v.Newer > len(v.NewerNames) || v.OnlyOnTarget > len(v.Extras) {
		text += fmt.Sprintf([...]string{"; the first %d of each:", "；各列出前 %d 条："}[lang], status.ComparisonNames)
	}
	return text
}
