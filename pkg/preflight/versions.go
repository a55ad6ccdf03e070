package preflight

import (
	"context"
	"strings"

	"github.com/sersync/sersync/pkg/transport"
)

// versions tries whether old versions can be kept where <backup> says. A missing directory is not made: where the
// probe can be written, the first run can make it.
func (t *trial) versions(ctx context.Context) {
	dir := t.given.Versions.Dir
	if dir == "" {
		return
	}
	if t.caps.NoList {
		t.lane.say(TopicVersions, Remark, versionsUnseen.of(dir))
		return
	}
	there := *t
	there.target.Name = strings.TrimSuffix(t.target.Name, "/") + "/" + dir
	switch a := t.look(ctx, there.target, []string{""}); {
	case a.seen[""] != transport.Copy{}:
	case a.Reason != notThere[0] && a.Reason != notThere[1]:
		t.ended(a, TopicVersions)
		return
	case strings.Contains(a.Detail, "Not a directory"):
		t.noVersions(a.Detail, nil)
		return
	default:
		t.lane.say(TopicVersions, Good, versionsLater.of(dir))
		return
	}
	a := there.session.run(ctx, t.sending(false), t.full, t.probe.written())
	sent := a.Class == transport.Done
	there.lane.Left = nil
	if there.remove(ctx, sent) {
		there.lane.Left = t.probe.written()
	}
	for _, name := range there.lane.Left {
		t.lane.Left = append(t.lane.Left, dir+"/"+name)
	}
	switch {
	case sent:
		t.lane.say(TopicVersions, Good, versionsCan.of(dir))
	case len(a.Failed) > 0 && a.Class != transport.NoSpace:
		t.noVersions(a.Failed[0].Text, permissions(t.given))
	default:
		t.ended(a, TopicVersions)
	}
}

// noVersions says that old versions cannot be kept.
func (t *trial) noVersions(detail string, mend []Mend) {
	reason, remedy := t.given.NoVersions()
	t.fail(TopicVersions, literal(reason), literal(remedy), mend)
	t.lane.Steps[len(t.lane.Steps)-1].Detail = detail
}
