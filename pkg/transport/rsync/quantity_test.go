package rsync

import "testing"

func TestQuantity(t *testing.T) {
	for value, want := range map[string]int64{
		"0": 0, "60": 60 << 10, "1.5": 1536, "100b": 100, "1k": 1 << 10, "2M": 2 << 20, "1.5m": 3 << 19, "1GB": 1_000_000_000,
		"1kib": 1 << 10, "3KB": 3000, "": 0, "x": 0, "-5": 0, "1x": 0, "1kx": 0, "1e5": 0, "..": 0, "99999999999p": 0,
	} {
		if got := quantity(value, "K"); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
	for _, text := range []string{"-a --bwlimit=60", "--bwlimit 60 -a"} {
		if p := params(t, text); p.BWLimit != 60<<10 {
			t.Errorf("%s: %d", text, p.BWLimit)
		}
	}
	if p := params(t, "-a --max-size=60"); p.MaxSize != 60 {
		t.Errorf("--max-size=60: %d", p.MaxSize)
	}
}
