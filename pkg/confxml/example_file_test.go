package confxml_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"reflect"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestExampleIsTheShippedFile: installers edit the shipped file with sed, by its text and by line
// numbers. So each byte has to stay where it is.
func TestExampleIsTheShippedFile(t *testing.T) {
	sum := sha256.Sum256(shipped(t))
	if got := hex.EncodeToString(sum[:]); got != shippedSum {
		t.Errorf("examples/confxml.xml has the SHA-256 %s, 2.5.4's file has %s", got, shippedSum)
	}
}

// TestSedEdits runs, with the real sed, the edits that installers make.
func TestSedEdits(t *testing.T) {
	sed := func(t *testing.T, args ...string) confxml.Config {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sed", args...)
		cmd.Stdin = bytes.NewReader(shipped(t))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, out)
	}
	auth := confxml.Remote{IP: "127.0.0.1", Name: "tongbu1", Line: 25, Params: "-artuz", ParamsLine: 30, User: "bob", PasswordFile: "/etc/p"}
	for _, tt := range []struct {
		name string
		args []string
		want func(confxml.Config) bool
	}{
		{"watch", []string{`s#<localpath watch="/opt/tongbu">#<localpath watch="/data/www">#`}, func(c confxml.Config) bool { return c.LocalPaths[0].Watch == "/data/www" }},
		{"watch everywhere", []string{`s#/opt/tongbu#/data#g`}, func(c confxml.Config) bool { return c.LocalPaths[0].Watch == "/data" && c.Plugins[1].Watch == "/data" }},
		{"watch by line", []string{`24s#/opt/tongbu#/data#`}, func(c confxml.Config) bool {
			return c.LocalPaths[0].Watch == "/data" && c.Plugins[1].Watch == "/opt/tongbu"
		}},
		{"remote", []string{`s#<remote ip="127.0.0.1" name="tongbu1"/>#<remote ip="10.0.0.8" name="web"/>#`}, func(c confxml.Config) bool {
			m := c.LocalPaths[0].Remotes
			return len(m) == 1 && m[0].IP == "10.0.0.8" && m[0].Name == "web"
		}},
		{"remote by words", []string{"-e", "s/127.0.0.1/10.0.0.8/", "-e", "s/tongbu1/web/"}, func(c confxml.Config) bool {
			m := c.LocalPaths[0].Remotes
			return len(m) == 1 && m[0].IP == "10.0.0.8" && m[0].Name == "web"
		}},
		{"second remote", []string{`26s#<!--<remote ip="192.168.8.39" name="tongbu"/>-->#<remote ip="192.168.8.39" name="tongbu"/>#`}, func(c confxml.Config) bool { return len(c.LocalPaths[0].Remotes) == 2 }},
		{"remote deleted and appended", []string{"-e", `25d`, "-e", `24a <remote ip="h" name="m"/>`}, func(c confxml.Config) bool { return c.LocalPaths[0].Remotes[0].IP == "h" }},
		{"auth", []string{`s#<auth start="false" users="root" passwordfile="/etc/rsync.pas"/>#<auth start="true" users="bob" passwordfile="/etc/p"/>#`}, func(c confxml.Config) bool { return reflect.DeepEqual(c.LocalPaths[0].Remotes[0], auth) }},
		{"auth by words", []string{"-e", `/<auth/s/false/true/`, "-e", `s/users="root"/users="bob"/`, "-e", `s#/etc/rsync.pas#/etc/p#`}, func(c confxml.Config) bool { return reflect.DeepEqual(c.LocalPaths[0].Remotes[0], auth) }},
		{"auth by line", []string{"-e", "31s/false/true/", "-e", "31s#root#bob#", "-e", "31s#/etc/rsync.pas#/etc/p#"}, func(c confxml.Config) bool { return reflect.DeepEqual(c.LocalPaths[0].Remotes[0], auth) }},
		{"params", []string{`s/-artuz/-az/`}, func(c confxml.Config) bool { return c.LocalPaths[0].Remotes[0].Params == "-az" }},
		{"timeout", []string{`s/<timeout start="false"/<timeout start="true"/`}, func(c confxml.Config) bool { return c.LocalPaths[0].Remotes[0].Timeout == 100 }},
		{"filter", []string{`s/<filter start="false">/<filter start="true">/`}, func(c confxml.Config) bool { return c.Filter.On && c.Plugins[0].FilterOn }},
		{"all switches", []string{`13,20s/false/true/`}, func(c confxml.Config) bool { return c.Inotify.CreateFile && c.Inotify.Attrib && c.Inotify.Modify }},
		{"fail log", []string{`s#/tmp/rsync_fail_log.sh#/var/log/f.sh#`}, func(c confxml.Config) bool { return c.FailLog.Path == "/var/log/f.sh" }},
		{"crontab", []string{`s/<crontab start="false" schedule="600">/<crontab start="true" schedule="60">/`}, func(c confxml.Config) bool { return c.Crontab.On && c.Crontab.Interval.Hours() == 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := sed(t, tt.args...)
			if !tt.want(c) {
				t.Errorf("the edit is not seen: %+v", c.LocalPaths)
			}
			if err := c.ValidateSync(); err != nil || len(c.Warnings) > 0 {
				t.Errorf("%v %v", err, c.Warnings)
			}
		})
	}
}

// shippedSum is the SHA-256 of the confxml.xml that 2.5.4 came with.
const shippedSum = "a34d675d9eb7edd078a1d6a021a8a7e1e2b67d066b6c9a7b328eeb594dbf9b93"
