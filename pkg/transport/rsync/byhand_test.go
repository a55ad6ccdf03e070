package rsync

import (
	"os"
	"testing"

	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
)

// The command that a person is told to run has the configured options and those that the path
// needs.
func TestWhatIsRunByHand(t *testing.T) {
	daemon := Target{Host: "h", Name: "m", Port: 874, User: "bob", PasswordFile: "/etc/pas", Timeout: 7}
	ssh := Target{Host: "h", Name: "/data", SSH: true, SSHPort: 2222}
	for name, c := range map[string]struct {
		target Target
		params string
		run    Run
		want   string
	}{
		"daemon":        {daemon, "-artuz", Run{}, "-artuz -R --port=874 --password-file=/etc/pas --timeout=7 './a b' bob@h::m"},
		"ssh":           {ssh, "-artuz", Run{RemoteShell: "ssh -o BatchMode=yes"}, "-artuz -R -e 'ssh -p 2222' './a b' h:/data/"},
		"his own shell": {ssh, "-a -e rsh", Run{}, "-a -e rsh -R './a b' h:/data/"},
		"deletion":      {Target{Host: "h", Name: "m"}, "-a --exclude=x", Run{Batch: transport.Batch{Kind: transport.Delete}}, "-a --exclude=x -R --delete-missing-args --force './a b' h::m"},
		"deletion by patterns": {
			Target{Host: "h", Name: "m"}, "-a --exclude=x", Run{Batch: transport.Batch{Kind: transport.Delete, Caps: transport.Capabilities{}.Lacking(transport.MissingArgs)}},
			"-a -R -r --delete --force '--include=/a b' '--include=/a b/***' '--exclude=*' ./ h::m",
		},
	} {
		params, err := ParseParams(c.params, rsyncopts.Setting{}, os.Getenv)
		must(t, err)
		c.run.Target, c.run.Target.Params = c.target, params
		if got := line(c.run.ByHand("a b")); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
	}
}
