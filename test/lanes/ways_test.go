package lanes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func program(file string) func(*setup) { return func(o *setup) { o.Way.Program = file } }

func TestAMissingRsyncIsTroubleWithARemedy(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: program("/no/such/rsync")})
	b.write("f", "1")
	testkit.Eventually(t, patient, "the lane says so", func() bool {
		s := b.Snapshot(time.Now())
		return s.Reason == "rsync could not be started" && strings.Contains(s.Remedy, "install rsync") && s.Pending == 1
	})
}

func TestOverSSHOneConnectionServes(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	socket := filepath.Join(t.TempDir(), "s")
	b := newBed(t, with{files: []string{"gone", "d/x"}, options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port = true, 0
		o.Way.Target.Name = strings.TrimSuffix(s.Dir, "/") + "/target dir"
		o.Way.ControlPath = socket
		o.Way.Standby = true

	}})
	b.dst = s.Dir + "/target dir"
	for i := range 5 {
		b.write(fmt.Sprint("f'", i), "1")
		b.arrives(fmt.Sprint("f'", i), "1")
	}
	testkit.Eventually(t, patient, "the one connection stands", func() bool { _, err := os.Lstat(socket); return err == nil })
	b.write("after", "1")
	b.arrives("after", "1")
	b.Mark("gone", 0)
	b.arrives("gone", "old")
	b.remove("gone")
	b.arrives("gone", "<none>")
	b.idle()
}

// ssh may run other programs (ProxyCommand) and hand variables on (SendEnv).
func TestSSHIsToldNoPassword(t *testing.T) {
	s := testkit.Sshd(t)
	told := filepath.Join(t.TempDir(), "told")
	ssh, err := os.ReadFile(s.Bin + "/ssh")
	must(t, err)
	testkit.WriteProgram(t, s.Bin+"/ssh", strings.Replace(string(ssh), "exec ", "echo \"$*:$RSYNC_PASSWORD:\" >> "+told+"\nexec ", 1))
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	t.Setenv("RSYNC_PASSWORD", "secret")
	b := newBed(t, with{options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, s.Dir+"/t"
		o.Way.ControlPath = filepath.Join(t.TempDir(), "s")
	}})
	b.dst = s.Dir + "/t"
	b.write("f", "1")
	b.arrives("f", "1")
	testkit.Eventually(t, patient, "the one connection and a run's have been made", func() bool {
		text, err := os.ReadFile(told)
		return err == nil && strings.Contains(string(text), "ControlMaster=yes") && strings.Contains(string(text), "ControlMaster=no")
	})
	b.idle()
	if text, err := os.ReadFile(told); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAPathTheSSHTargetCannotTakeIsNamed(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	b := newBed(t, with{options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, s.Dir+"/t"
		o.MayDelete = false
	}})
	b.dst = s.Dir + "/t"
	put(t, b.dst, "d/x/in the way", "1")
	must(t, os.MkdirAll(b.src+"/d", 0o755))
	b.Mark("", 0)
	b.write("d/x", "a file now")
	b.write("d/y", "1")
	b.write("z", "1")
	b.arrives("d/y", "1")
	b.arrives("z", "1")
	testkit.Eventually(t, patient, "d/x alone fails", func() bool {
		f := b.failing()
		return len(f) == 1 && f[0].Path == "d/x" && b.stats().Pending+b.stats().InFlight == 1
	})
}
