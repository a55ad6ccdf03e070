package words

import (
	"slices"
	"strings"
	"testing"
)

func TestChinese(t *testing.T) {
	for sentence, want := range map[string]string{
		"the remote has no such module":                                                   "远端没有这个模块",
		"start the rsync daemon on web1, check the port 873":                              "在 web1 上启动 rsync 守护进程，并检查端口 873",
		"take delete out of refuse options of [m] on h, or set <delete start=\"false\"/>": "从 h 上 [m] 的 refuse options 中去掉 delete，或设置 <delete start=\"false\"/>",
		"something that nobody has translated":                                            "something that nobody has translated",
	} {
		if got := Chinese(sentence); got != want {
			t.Errorf("%q: %q, want %q", sentence, got, want)
		}
	}
	if n := len(chineseTable().whole) + len(chineseTable().patterns); n < 80 {
		t.Errorf("only %d sentences read", n)
	}
}

// TestCodes: each sentence has a code and arguments, which give the Chinese sentence even if the
// English one is worded differently.
func TestCodes(t *testing.T) {
	for _, tc := range []struct {
		sentence string
		code     string
		args     []string
		chinese  string
	}{
		{"the remote has no such module", "no-such-module", nil, "远端没有这个模块"},
		{"start the rsync daemon on web1, check the port 873", "start-rsync-daemon-check", []string{"web1", "873"}, "在 web1 上启动 rsync 守护进程，并检查端口 873"},
		{"the daemon refuses deletions", "daemon-refuses-deletions", nil, "远端守护进程拒绝删除"},
	} {
		said, ok := Code(tc.sentence)
		if !ok || said.Code != tc.code || !slices.Equal(said.Args, tc.args) || said.Chinese() != tc.chinese {
			t.Errorf("%q: %+v %v, in Chinese %q", tc.sentence, said, ok, said.Chinese())
		}
	}
	if said, ok := Code("rsync: nobody has translated this"); ok {
		t.Errorf("a code for nothing: %+v", said)
	}
	if said := (Said{Code: "of-a-newer-program"}).Chinese(); said != "" {
		t.Errorf("an unknown code is %q", said)
	}
	codes := map[string]bool{}
	for _, m := range entry.FindAllSubmatch(Script, -1) {
		if codes[string(m[1])] {
			t.Errorf("the code %s is there twice", m[1])
		}
		codes[string(m[1])] = true
	}
	if n := strings.Count(string(Script), "\": [\""); n != len(codes) {
		t.Errorf("%d entries, %d of them are read", n, len(codes))
	}
}
