package rsync

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
)

func TestParseParams(t *testing.T) {
	env := map[string]string{"KEY": "/root/my key", "U": "-u"}
	for _, c := range []struct{ text, args string }{
		{"-artuz", "-artuz"},
		{"  -a   -z ", "-a|-z"},
		{"-avzP", "--partial|-az"},
		{"-P", "--partial"},
		{"-v", ""},
		{"-av --progress --stats", "-a"},
		{"-aq0 --from0 -h -i --out-format=%n", "-a"},
		{"--out-format '%n %l' -a", "-a"},
		{"-a --delete", "-a"},
		{"-a --delete-after --del --delete-excluded", "-a"},
		{`-a --exclude "a b"`, "-a|--exclude|a b"},
		{`-a --exclude='it'\''s'`, "-a|--exclude=it's"},
		{`-a --exclude=\*.log`, "-a|--exclude=*.log"},
		{`-a --exclude=*.log`, "-a|--exclude=*.log"},
		{`-a -e "ssh -p 22"`, "-a|-e|ssh -p 22"},
		{`-a "-essh -i $KEY"`, "-a|-e|ssh -i /root/my key"},
		{`-ae ssh`, "-a|-e|ssh"},
		{`-a --rsh=ssh`, "-a|--rsh=ssh"},
		{`-a $U`, "-a|-u"},
		{`-a "$UNSET"x --`, "error"},
		{"-a --bwlimit 100", "-a|--bwlimit|100"},
		{"-a --bwlimit=100 --timeout=5", "-a|--bwlimit=100|--timeout=5"},
		{"-aB 700", "-a|-B|700"},
		{"-a@-1", "-a|-@|-1"},
		{"-a -M--fake-super", "-a|-M|--fake-super"},
		{"-a --files-from=/x", "error"},
		{"-a --files-from /x -z", "error"},
		{"-artuzn", "error"},
		{"-a --list-only", "error"},
		{"-a --server", "error"},
		{"-a --ignore-errors", "-a"},
		{"-a --excldue=x", "-a|--excldue=x"},
		{"-a -delete", "-a|-delete"},
		{"-a --version --help", "-a"},
		{"-a --remove-source-files", "-a|--remove-source-files"},
		{"-a --remove-source-files --delete", "-a|--remove-source-files"},
		{"-a --no-o --no-relative", "-a|--no-o"},
		{"-a --exclude=\xc4\xe3\xba\xc3", "-a|--exclude=\xc4\xe3\xba\xc3"}, // GBK
		{"-a --chmod=Du=rwx,go=rx", "-a|--chmod=Du=rwx,go=rx"},
		{"", ""},
		{"-e", "error"},
		{"--exclude", "error"},
		{"/src", "error"},
		{"-a /src", "error"},
		{"-a --exclude=$(id)", "error"},
		{"-a --exclude=`id`", "error"},
		{"-a; id", "error"},
		{"-a && id", "error"},
		{"-a | id", "error"},
		{"-a > /tmp/x", "error"},
		{"-a < /tmp/x", "error"},
		{"-a & ", "error"},
		{"-a <(id)", "error"},
		{"-a 'open", "error"},
		{`-a "open`, "error"},
		{"-a \x00", "error"},
		{"-a ${X", "error"},
		{"-a --exclude-from=-", "error"},
	} {
		p, err := ParseParams(c.text, rsyncopts.Setting{}, func(n string) string { return env[n] })
		if c.args == "error" {
			if err == nil || !errors.Is(err, ErrParams) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %q, error %v", c.text, p.Args(), err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := strings.Join(p.Args(), "|"); got != c.args {
			t.Errorf("%q: %s, want %s", c.text, got, c.args)
		}
	}
}

func TestParamsTellWhatTheyCarry(t *testing.T) {
	all := Params{Links: true, Perms: true, Times: true, Owner: true, Group: true, Devices: true, Specials: true}
	with := func(p Params, change func(*Params)) Params { change(&p); return p }
	for text, want := range map[string]Params{
		"-a":                     all,
		"-artuz":                 with(all, func(p *Params) { p.Update = true }),
		"-a --update":            with(all, func(p *Params) { p.Update = true }),
		"-a --no-l":              with(all, func(p *Params) { p.Links = false }),
		"-a --no-links --no-D":   with(all, func(p *Params) { p.Links, p.Devices, p.Specials = false, false, false }),
		"--no-o -a":              all,
		"-rtz":                   {Times: true},
		"-rlptD":                 {Links: true, Perms: true, Times: true, Devices: true, Specials: true},
		"-rA":                    {ACLs: true, Perms: true},
		"-rHX":                   {HardLinks: true, Xattrs: true},
		"-rc --delete":           {Checksum: true},
		"-rL":                    {FollowLinks: true},
		"-r -e 'ssh -p 2'":       {RemoteShell: true},
		"-r --rsh ssh":           {RemoteShell: true},
		"-r@1":                   {Comparing: transport.Comparing{ModifyWindow: true}},
		"-r --timeout=4":         {Timeout: true},
		"-r --partial-dir .p":    {PartialDir: true},
		"-r --inplace":           {Inplace: true},
		"-r --append-verify":     {Inplace: true},
		"-rC":                    {Rules: Rules{Opaque: true}},
		"-rF":                    {Rules: Rules{Opaque: true}},
		"-r --filter='. /x'":     {Rules: Rules{Opaque: true}},
		"-r --delete-excluded":   {},
		"-r --max-delete=4 --u8": {},
		"-r --log-file=/x":       {NamesFiles: true},
		"-r --port=874":          {Port: 874},
	} {
		got := params(t, text)
		got.args, got.connection, got.moves = nil, nil, false
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestWithoutUpdateLiftsNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		"-artuz":                          "-artz",
		"-u":                              "",
		"-uuu -a --update":                "-a",
		"-aue 'ssh -u'":                   "-a|-e|ssh -u",
		"-a --exclude -u":                 "-a|--exclude|-u",
		"-a --exclude=-u -u":              "-a|--exclude=-u",
		"-a --bwlimit 5 -zu":              "-a|--bwlimit|5|-z",
		"-a -M--update -u":                "-a|-M|--update",
		"-a --no-update --usermap=u:x":    "-a|--no-update|--usermap=u:x",
		"-au --backup --suffix -u -f -u":  "-a|--backup|--suffix|-u|-f|-u",
		"-a --rsync-path 'sudo -u x' -tu": "-a|--rsync-path|sudo -u x|-t",
	} {
		if got := strings.Join(params(t, text).WithoutUpdate(), "|"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestConnectionHoldsForQuestions(t *testing.T) {
	p := params(t, "-artuz4 -e 'ssh -p 3' --port=99 --password-file /p --iconv=utf8,gbk --bwlimit=3 --exclude=x --timeout 4")
	want := []string{"-4", "-e", "ssh -p 3", "--port=99", "--password-file", "/p", "--iconv=utf8,gbk", "--timeout", "4"}
	if got := p.Connection(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// commonParams are those of configurations that real users have written, one per line.
func commonParams(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/commonparams.txt")
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// refusedParams are a template that nobody has filled in, and parameters that a shell takes for two
// commands.
var refusedParams = []string{"{{ sersync_rsync.params }}", `-artuz --exclude="a b" --exclude=x&y`}

// This package accepts every commonParams of the corpus, and rsync accepts what this package makes
// of them: in runs that send, that bring trees, that delete, and in full syncs.
func TestCorpusParametersRun(t *testing.T) {
	if files, _ := filepath.Glob("../../../shared/corpus/*.xml"); len(files) > 0 {
		known := commonParams(t)
		for _, f := range files {
			data, err := os.ReadFile(f)
			must(t, err)
			m := regexp.MustCompile(`<commonParams\s+params="([^"\n]*)"`).FindSubmatch(data)
			if m == nil || slices.Contains(refusedParams, unxml(string(m[1]))) {
				continue
			}
			if !slices.Contains(known, unxml(string(m[1]))) {
				t.Errorf("%s: %q is not in testdata/commonparams.txt", f, m[1])
			}
		}
	}
	for _, text := range commonParams(t) {
		p, err := ParseParams(text, rsyncopts.Setting{}, func(string) string { return "" })
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		src, dst := t.TempDir(), t.TempDir()
		must(t, os.MkdirAll(src+"/d/e", 0o755))
		must(t, os.WriteFile(src+"/d/e/f", []byte("x"), 0o644))
		must(t, os.WriteFile(dst+"/gone", []byte("x"), 0o644))
		for _, text := range refusedParams {
			if _, err := ParseParams(text, rsyncopts.Setting{}, os.Getenv); err == nil {
				t.Errorf("%q: accepted", text)
			}
		}
		for _, step := range []struct {
			kind  transport.Kind
			names []string
		}{{transport.Send, []string{"d/e/f"}}, {transport.Tree, []string{"d"}}, {transport.Delete, []string{"gone", "d/not"}}, {transport.Full, nil}, {transport.Survey, nil}, {transport.SurveyFlat, []string{"d"}}, {transport.SurveyTrees, []string{"d"}}, {transport.SurveyGone, []string{"gone"}}} {
			r := Run{Batch: transport.Batch{Kind: step.kind, MayDelete: true}, Target: Target{Params: p}}
			args := localArgs(r, dst)
			got := runArgs(t, src, args, r.List(step.names))
			if got.Exit != 0 {
				t.Errorf("%q, %v: exit %d: %s", text, step.kind, got.Exit, got.Stderr)
			}
		}
		if _, err := os.Stat(dst + "/d/e/f"); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := os.Stat(dst + "/gone"); err == nil {
			t.Errorf("%q: not deleted", text)
		}
	}
}

func unxml(s string) string {
	return strings.NewReplacer("&quot;", `"`, "&apos;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// localArgs are the arguments of a run, with a directory of this host as its target.
func localArgs(r Run, dst string) []string {
	args := r.Args()
	args[len(args)-1] = dst + "/"
	return slices.DeleteFunc(args, func(a string) bool {
		return a == "--contimeout=10" || strings.HasPrefix(a, "--sockopts") || strings.HasPrefix(a, "--port") || strings.HasPrefix(a, "--password-file")
	})
}

func runArgs(t *testing.T, dir string, args []string, list []byte) ran {
	t.Helper()
	var out ran
	p, err := Start(t.Context(), launcher(t), child.Command{Program: "rsync", Args: args, Dir: dir, Env: []string{"TZ=UTC"},
		Line: func(b []byte) { out.lines = append(out.lines, string(b)) }})
	must(t, err)
	p.Feed(list)
	out.Ended = p.Wait()
	return out
}
