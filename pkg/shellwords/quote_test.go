package shellwords

import "testing"

func TestCommandNeverMeansSomethingElse(t *testing.T) {
	for in, want := range map[string]string{
		"rsync": "rsync", "ssh": "ssh", "/usr/bin/rsync": "/usr/bin/rsync", "if": "'if'", "a=b": "'a=b'", "/opt/my rsync": "'/opt/my rsync'", "": "''",
	} {
		if got := Command([]string{in}); got != want {
			t.Errorf("Command(%q) = %s, want %s", in, got, want)
		}
	}
}
