package status

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func hostile() []string {
	return []string{
		"plain", "line\nbreak", "tab\there", `quote"s 'n $(x) ` + "`y`", "-rf", "back\\slash", "bell\a\x1b[31mred",
		"bad\xff\xfeutf8", "\xc3", "del\x7f", "csi\u009b31m", "rtl\u202egnp.exe", "\u4e2d\u6587", "<script>alert(1)</script>", "&amp;",
		"\ufffd", "nul\x00", "\u2028", "", " ",
	}
}

func sample(name string) Snapshot {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	return Snapshot{
		Version: "3.0.0", PID: 7, Host: "web1", Started: at, Now: at.Add(time.Hour), ConfigFile: name, Ready: true, Names: true,
		Roots: []Root{{Path: name, State: RootWatched, Directories: 3, Since: at}},
		Lanes: []Lane{{
			ID: name + "#" + name, Root: name, Remote: name, State: LaneSyncing, Pending: 2, OldestPending: at,
			Progress: &Progress{Done: 1, Total: 2, Bytes: 3},
			Verify:   &Comparison{Time: at, Differing: 2, OnlyOnTarget: 1, Names: []string{"plain", name}},
			Differences: []Difference{
				{Kind: Extras, Count: 3, Since: at, Remedy: Extras.Remedy()},
				{Kind: Newer, Count: 1, Since: at, Remedy: Newer.Remedy(), Names: []string{name}},
			},
			Latency:   Latency{Count: 1, P50: Seconds(4 * time.Millisecond)},
			Series:    Series{Span: Seconds(BucketSpan), End: at, Files: []int64{1}, Bytes: []int64{2}, Failures: []int64{0}, LatencyMS: []int64{4}},
			Transfers: []Transfer{{Time: at, Path: name, Operation: Sent, Bytes: 5, Duration: Seconds(time.Millisecond)}},
			Failures:  []Failure{{Time: at, Path: name, Reason: "permission denied", Remedy: "chmod", Exit: 23}},
		}},
		Plugins: []Plugin{{Name: "socket", Pending: 1, LastError: "refused"}},
		Watches: Watches{Count: 1, Limit: 2},
	}
}

func TestJSONKeepsEveryByteOfNames(t *testing.T) {
	for _, name := range hostile() {
		in := sample(name)
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("marshal %q: %v", name, err)
		}
		if !utf8.Valid(b) {
			t.Errorf("%q: output is not UTF-8", name)
		}
		var out Snapshot
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("unmarshal %q: %v", name, err)
		}
		in.Said = in.sentences()
		if !reflect.DeepEqual(in, out) {
			t.Errorf("%q: %+v came back as %+v", name, in, out)
		}
	}
}

func TestJSONNamesAsDocumented(t *testing.T) {
	var got struct {
		Lanes []struct{ Transfers []map[string]any }
	}
	b, err := json.Marshal(Snapshot{Lanes: []Lane{{Transfers: []Transfer{{Path: "a\xffb"}, {Path: "a\nb"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	bad, good := got.Lanes[0].Transfers[0], got.Lanes[0].Transfers[1]
	if bad["path"] != "a\ufffdb" || bad["path_bytes"] != base64.StdEncoding.EncodeToString([]byte("a\xffb")) {
		t.Errorf("invalid UTF-8 became %v", bad)
	}
	if _, ok := good["path_bytes"]; ok || good["path"] != "a\nb" {
		t.Errorf("valid UTF-8 became %v", good)
	}
}

func TestJSONListsAreNeverNull(t *testing.T) {
	b, err := json.Marshal(Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"roots":[]`, `"lanes":[]`, `"plugins":[]`, `"overall":{"level":1,"state":"lagging"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
}

func TestRedactedHasNoNames(t *testing.T) {
	s := sample("/data")
	l := &s.Lanes[0]
	l.Detail = "rsync: secret-name.txt denied"
	l.Transfers[0].Path = "dir/secret-name.txt"
	l.Differences[1].Names = []string{"dir/secret-name.txt"}
	l.Failures = []Failure{
		{Path: "dir/secret-name.txt", Reason: "cannot write secret-name.txt", Remedy: "chmod dir/secret-name.txt", Detail: "secret-name.txt"},
		{Path: "dir/secret-name.txt", Reason: "permission denied", Remedy: "chmod"},
		{Path: "dir/secret-name2.txt", Reason: "permission denied", Remedy: "chmod"},
	}
	s.Plugins[0].LastError = "post secret-name.txt"
	before, _ := json.Marshal(s)
	b, err := json.Marshal(s.Redacted())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "secret-name") || strings.Contains(string(b), "config_file") {
		t.Errorf("redacted status tells a name: %s", b)
	}
	for _, want := range []string{`"names":false`, `"pending":2`, `"kind":"newer","count":1`, `"permission denied"`, `"/data"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("redacted status lost %s: %s", want, b)
		}
	}
	if n := len(s.Redacted().Lanes[0].Failures); n != 2 {
		t.Errorf("%d failures, want one of each reason", n)
	}
	if after, _ := json.Marshal(s); string(after) != string(before) {
		t.Error("Redacted changed the snapshot it was called on")
	}
}

func TestWithoutNames(t *testing.T) {
	for _, c := range []struct{ reason, path, want string }{
		{"the remote refuses the connection", "", "the remote refuses the connection"},
		{`rsync: [receiver] mkstemp "d/.secret.DraZce" (in mod) failed: Permission denied (13)`, "d/secret", "rsync: [receiver] mkstemp ... (in mod) failed: Permission denied (13)"},
		{`rsync: [sender] link_stat "/d/a"b: c (1)" failed: No such file (2)`, "x", "rsync: [sender] link_stat ... failed: No such file (2)"},
		{`the mount point "up/secret" is empty and had entries before`, "", "the mount point ... is empty and had entries before"},
		{"cannot delete non-empty directory: d/secret", "d", "cannot delete non-empty directory"},
		{"rsync: [generator] delete_file: rmdir(d/secret) failed: Directory not empty (39)", "d", "Directory not empty (39)"},
		{"rsync: [sender] write error: Broken pipe (32)", "", "Broken pipe (32)"},
		{"rsync: odd: secret", "", unnamed},
		{"cannot read secret", "d/secret", unnamed},
		{"cannot read ab now", "d/ab", unnamed},
		{"", "", ""},
		{`"`, "", "..."},
	} {
		if got := withoutNames(c.reason, c.path); got != c.want {
			t.Errorf("withoutNames(%q, %q) = %q, want %q", c.reason, c.path, got, c.want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, n := range hostile() {
		f.Add(n, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		p, q := Printable(a), Printable(b)
		if !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("Printable(%q) = %q is not safe", a, p)
		}
		if a != b && p == q {
			t.Errorf("%q and %q give the same text", a, b)
		}
		raw, err := json.Marshal(Snapshot{Roots: []Root{{Path: a}}})
		if err != nil {
			t.Fatal(err)
		}
		var back Snapshot
		if err := json.Unmarshal(raw, &back); err != nil || back.Roots[0].Path != a {
			t.Errorf("%q came back as %+v (%v)", a, back.Roots, err)
		}
	})
}
