package transporttest

import "testing"

func TestTheFakeIsATransport(t *testing.T) {
	Suite(t, func(t *testing.T) Remote {
		t.Helper()
		f := &Fake{}
		return Remote{Transport: f, Here: t.TempDir(), There: f.Has}
	})
}
