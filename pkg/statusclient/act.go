package statusclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sersync/sersync/pkg/status"
)

// actFailed is the exit status of Act when something was refused.
const actFailed = 1

// done says what the program does once it has accepted an action.
var done = map[status.Verb][2]string{
	status.Resync:      {"full sync has begun; --wait returns when it is done", "已开始全量同步；--wait 在完成后返回"},
	status.AcceptEmpty: {"accepted as it is now; what is missing is deleted on the remote", "按现状接受；缺少的内容将从远端删除"},
	status.Pause:       {"paused; changes are collected until --resume", "已暂停；变更继续被记录，直到 --resume"},
	status.Resume:      {"sends again", "已恢复发送"},
}

// Act asks the lanes that the words mean (see pick; none: every lane) for the action verb, and
// writes one line for each: what it does now, or why not. It returns the program's exit status. A
// lane that refuses does not hold up the others.
func Act(ctx context.Context, c *Client, verb status.Verb, words []string, lang status.Lang, out, errOut io.Writer) int {
	s, err := c.Status(ctx)
	var lanes []numbered
	if err == nil {
		lanes, err = pick(s.Lanes, everyLane(words))
	}
	if err == nil && len(lanes) == 0 { // a plugin that runs alone: the program says why not
		err = c.Act(ctx, verb, "")
	}
	if err != nil {
		return complain(errOut, err)
	}
	exit := 0
	for _, l := range lanes {
		if err := c.Act(ctx, verb, l.lane.ID); err != nil {
			exit = complain(errOut, fmt.Errorf("%s: %w", l, err))
			continue
		}
		_, _ = fmt.Fprintf(out, "%s: %s\n", l, done[verb][lang])
	}
	return exit
}

// everyLane is the word for all lanes where no words are given.
func everyLane(words []string) []string {
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// complain writes why an action was not done and returns the exit status.
func complain(errOut io.Writer, err error) int {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = status.Printable(line)
	}
	_, _ = fmt.Fprintln(errOut, "sersync:", strings.Join(lines, "\n"))
	if errors.Is(err, ErrNotRunning) {
		return int(status.NotRunning)
	}
	return actFailed
}
