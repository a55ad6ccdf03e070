package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// oldServer is a receiver that refuses options as releases before ours did;
// the texts are what those releases print. It is named with --rsync-path.
func (s *scene) oldServer(body string) string {
	s.t.Helper()
	file := filepath.Join(s.scratch, "old-rsync")
	text := "#!/bin/sh\ncase \" $* \" in\n" + body + "\nesac\nexec rsync \"$@\"\n"
	s.must(os.WriteFile(file, []byte(text), 0o755))
	return file
}

const (
	noWindow  = `*' -@-1 '*|*' --modify-window=-1 '*) echo 'rsync: -@-1: unknown option' >&2; echo 'rsync error: syntax or usage error (code 1) at main.c(1406) [server=%s]' >&2; exit 1;;`
	noMissing = `*' --delete-missing-args '*) echo 'rsync: on remote machine: --delete-missing-args: unknown option' >&2; echo 'rsync error: requested action not supported (code 4) at clientserver.c(844) [Receiver=%s]' >&2; exit 4;;`
	badMode   = `*' --delete-missing-args '*) echo 'invalid file mode 00 for d/missing [Receiver]' >&2; echo 'rsync error: protocol incompatibility (code 2) at flist.c(985) [Receiver=%s]' >&2; exit 2;;`
)

// TestOldReceiver brings everything to receivers that refuse what the first
// choice needs.
func TestOldReceiver(t *testing.T) {
	for _, test := range []struct{ release, body string }{
		{"3.0.9", fmt.Sprintf(noWindow+"\n"+noMissing, "3.0.9", "3.0.9")},
		{"3.1.1", fmt.Sprintf(noWindow, "3.1.1")},
		{"3.4.3", fmt.Sprintf(badMode, "3.4.3")},
	} {
		t.Run(test.release, func(t *testing.T) {
			t.Parallel()
			s := newSSH(t, "")
			s.set.Params = "-artuz --rsync-path=" + s.oldServer(test.body)
			s.write("before", "there", "sub/there")
			s.start()
			s.equal("the start")
			s.work()
			s.idle()
			s.end()
			s.write("after a restart", "late")
			s.must(os.Remove(filepath.Join(s.src, "there")))
			s.launch()
			s.equal("a restart")
			s.work2()
			s.idle()
		})
	}
}

// work2 is a second round on the same tree.
func (s *scene) work2() {
	s.t.Helper()
	s.write("first", "again")
	s.write("other", "again")
	s.equal("a same-second rewrite")
	s.must(os.Remove(filepath.Join(s.src, "again")))
	s.equal("a deletion")
}

// TestOldClient runs a client that says it is 3.0.9 and knows no newer options.
func TestOldClient(t *testing.T) {
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil)
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	file := filepath.Join(s.scratch, "old-client")
	text := fmt.Sprintf(`#!/bin/sh
case " $* " in
*' --version '*) echo 'rsync  version 3.0.9  protocol version 30'; exit 0;;
*' --server '*) exec rsync "$@";;
esac
for a; do
  case "$a" in
  --modify-window=-1) echo "rsync: $a: invalid numeric value" >&2; echo 'rsync error: syntax or usage error (code 1) at main.c(1435) [client=3.0.9]' >&2; exit 1;;
  --delete-missing-args|--ignore-missing-args|--info=*|--debug=*|--no-motd=*|--confine-root*|--stderr=*|--outbuf=*|--preallocate)
    echo "rsync: $a: unknown option" >&2; echo 'rsync error: syntax or usage error (code 1) at main.c(1435) [client=3.0.9]' >&2; exit 1;;
  esac
done
exec %s "$@"
`, s.rsync.Program)
	s.must(os.WriteFile(file, []byte(text), 0o755))
	s.set.Rsync = file
	s.write("before", "there", "sub/there")
	s.start()
	s.equal("the start")
	s.work()
	s.work2()
	s.idle()
	s.end()
}
