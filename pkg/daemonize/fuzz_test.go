package daemonize

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzPIDFile: whatever an old pid file holds, either this process replaces it or it names a
// process that runs.
func FuzzPIDFile(f *testing.F) {
	for _, seed := range []string{"", "0", "-1", "1\n", "99999999999999999999", " 7 \n", "x", "4194305"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		pid, err := readPID(path)
		if err != nil || pid < 0 {
			t.Fatalf("pid %d, %v", pid, err)
		}
		p, err := WritePIDFile(path)
		if err != nil {
			if pid == 0 || !sameProgram(pid) {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != p.text {
			t.Errorf("content %q, %v", got, err)
		}
	})
}
