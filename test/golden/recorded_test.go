package golden

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// recorded is the part of a run of 2.5.4 that the comparison needs.
type recorded struct {
	Case       string               `json:"case"`
	Config     *raw                 `json:"config"`
	ConfigPath raw                  `json:"config_path"`
	Flags      []raw                `json:"flags"`
	Cwd        raw                  `json:"cwd"`
	Fake       fakeRsync            `json:"fake_rsync"`
	Setup      [][]argument         `json:"setup"`
	Steps      []step               `json:"steps"`
	Stdout     raw                  `json:"stdout"`
	Exit       exit                 `json:"exit"`
	Src        map[raw]node         `json:"src_tree"`
	Dst        map[raw]node         `json:"dst_tree"`
	Dst2       map[raw]node         `json:"dst2_tree"`
	Cwds       map[raw]node         `json:"cwd_tree"`
	FailLog    *struct{ Text raw }  `json:"failLog"`
	TCP        []struct{ Text raw } `json:"tcp"`
}

type fakeRsync struct {
	Mode    string `json:"mode"`
	Seq     string `json:"seq"`
	Exit    string `json:"FAKE_RC"`
	SleepMS string `json:"FAKE_SLEEP_MS"`
	SleepOn string `json:"FAKE_SLEEP_ON"`
	Out     string `json:"FAKE_OUT"`
}

type step struct {
	Ops [][]argument `json:"ops"`
}

type exit struct {
	Status *int   `json:"rc"`
	Parent *int   `json:"parent_rc"`
	Signal string `json:"killed_by_signal"`
	Alive  bool   `json:"alive_at_end"`
}

// node is one entry of a recorded tree.
type node struct {
	Type string `json:"t"`
	Mode string `json:"mode"`
	Text *raw   `json:"text"`
	SHA1 string `json:"sha1"`
	To   raw    `json:"to"`
}

// raw is a string of bytes. In the file a lone surrogate stands for a byte that is not UTF-8; load
// has moved these surrogates into the private use area.
type raw string

const privateUse = 0xf700

// UnmarshalText implements encoding.TextUnmarshaler, for values and map keys.
func (r *raw) UnmarshalText(text []byte) error {
	var b strings.Builder
	for _, c := range string(text) {
		if c >= privateUse+0x80 && c <= privateUse+0xff {
			b.WriteByte(byte(c - privateUse))
		} else {
			b.WriteRune(c)
		}
	}
	*r = raw(b.String())
	return nil
}

// argument is a word of an operation: a text, or a number as it was written.
type argument string

// UnmarshalJSON implements json.Unmarshaler.
func (a *argument) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		*a = argument(data)
		return nil
	}
	var r raw
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*a = argument(r)
	return nil
}

// surrogate matches a pair of surrogate escapes, or a single one.
var surrogate = regexp.MustCompile(`\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\udc[89a-f][0-9a-f]`)

// load reads every recorded run, in the order of their names.
func load(t *testing.T) []recorded {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b = surrogate.ReplaceAllFunc(b, func(m []byte) []byte {
			if len(m) == 6 {
				return append([]byte(`\uf7`), m[4:]...)
			}
			return m
		})
		var r recorded
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, r)
	}
	return all
}

// has reports whether the configuration contains the text.
func (r *recorded) has(text string) bool {
	return r.Config != nil && strings.Contains(string(*r.Config), text)
}

// flag reports whether a short option was given, by itself or together with others.
func (r *recorded) flag(letter string) bool {
	for _, f := range r.Flags {
		if strings.HasPrefix(string(f), "-") && !strings.HasPrefix(string(f), "--") && strings.Contains(string(f), letter) {
			return true
		}
	}
	return false
}

// op fills in the placeholders of one operation.
func op(words []argument, fill *strings.Replacer) testkit.Op {
	out := make(testkit.Op, len(words))
	for i, w := range words {
		out[i] = fill.Replace(string(w))
	}
	return out
}

func TestRawKeepsBytes(t *testing.T) {
	b := []byte(`{"case":"x","flags":["a\udcffb","\ud83d\ude00","\u4e2d","\\udcff"],"dst_tree":{"\udc80":{"t":"f"}}}`)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/x.json", b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := load(t)[0]
	want := []raw{"a\xffb", "\U0001F600", "\u4e2d", `\udcff`}
	for i := range want {
		if r.Flags[i] != want[i] {
			t.Errorf("flag %d: %q, want %q", i, r.Flags[i], want[i])
		}
	}
	if _, ok := r.Dst["\x80"]; !ok {
		t.Errorf("keys %v", r.Dst)
	}
}
