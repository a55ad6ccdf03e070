package cli

import (
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func given(pairs ...string) (list []Given) {
	for _, p := range pairs {
		list = append(list, Given{Letter: p[0], Value: p[1:]})
	}
	return list
}

// parsed is the default command line with one edit.
func parsed(edit func(*Options)) Options {
	o := Options{Program: "sersync2", Config: "confxml.xml", Threads: 10, DefaultedThreads: true}
	edit(&o)
	return o
}

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want Options
	}{
		{"nothing", nil, parsed(func(*Options) {})},
		{"clustered", []string{"-dro", "f"}, parsed(func(o *Options) {
			o.Daemon, o.FullSync, o.Config, o.Given = true, true, "f", given("d", "r", "of")
		})},
		{"joined value", []string{"-n1", "-rof"}, parsed(func(o *Options) {
			o.Threads, o.DefaultedThreads, o.FullSync, o.Config, o.Given = 1, false, true, "f", given("n1", "r", "of")
		})},
		{"last wins", []string{"-oa", "-ob", "-m", "x", "-mhttp"}, parsed(func(o *Options) {
			o.Config, o.Module, o.Given = "b", "http", given("oa", "ob", "mx", "mhttp")
		})},
		{"words anywhere", []string{"start", "-r", "-", "now", "-d"}, parsed(func(o *Options) {
			o.FullSync, o.Daemon, o.Given = true, true, given("r", "d")
		})},
		{"double dash", []string{"-r", "--", "-d", "--nonsense"}, parsed(func(o *Options) {
			o.FullSync, o.Given = true, given("r")
		})},
		{"value like an option", []string{"-o", "-r"}, parsed(func(o *Options) {
			o.Config, o.Given = "-r", given("o-r")
		})},
		{"value like a test flag", []string{"-o", "-test.xml"}, parsed(func(o *Options) {
			o.Config, o.Given = "-test.xml", given("o-test.xml")
		})},
		{"hostile value", []string{"-o", "a\xff\n$(x).xml"}, parsed(func(o *Options) {
			o.Config, o.Given = "a\xff\n$(x).xml", given("oa\xff\n$(x).xml")
		})},
		{"help at once", []string{"-dh", "-x", "--nonsense"}, parsed(func(o *Options) {
			o.Daemon, o.Action, o.Given = true, ShortHelp, given("d")
		})},
		{"long help", []string{"--help", "-x"}, parsed(func(o *Options) { o.Action = LongHelp })},
		{"version", []string{"--version"}, parsed(func(o *Options) { o.Action = Version })},
		{"check", []string{"--check", "-o", "f", "--json"}, parsed(func(o *Options) {
			o.Action, o.JSON, o.Config, o.Given = Check, true, "f", given("of")
		})},
		{"where", []string{"--where", "/data/x", "--json"}, parsed(func(o *Options) { o.Action, o.Path, o.JSON = Where, "/data/x", true })},
		{"where with an equal sign", []string{"--where=-x"}, parsed(func(o *Options) { o.Action, o.Path = Where, "-x" })},
		{"pending", []string{"--pending", "www", "--json"}, parsed(func(o *Options) { o.Action, o.Lanes, o.JSON = Pending, []string{"www"}, true })},
		{"status", []string{"--json", "--status"}, parsed(func(o *Options) { o.Action, o.JSON = Status, true })},
		{"wait", []string{"--wait"}, parsed(func(o *Options) { o.Action, o.WaitLimit = Wait, NoLimit })},
		{"wait a minute", []string{"--wait=60"}, parsed(func(o *Options) { o.Action, o.WaitLimit = Wait, time.Minute })},
		{"wait not", []string{"--wait=0"}, parsed(func(o *Options) { o.Action = Wait })},
		{"resync all", []string{"--resync"}, parsed(func(o *Options) { o.Action = Resync })},
		{"resync one", []string{"--resync=www"}, parsed(func(o *Options) { o.Action, o.Lanes = Resync, []string{"www"} })},
		{"resync one, as a word", []string{"--resync", "www"}, parsed(func(o *Options) { o.Action, o.Lanes = Resync, []string{"www"} })},
		{"verify two", []string{"--verify=a", "--verify=b"}, parsed(func(o *Options) { o.Action, o.Lanes = Verify, []string{"a", "b"} })},
		{"accept", []string{"--accept-empty", "a"}, parsed(func(o *Options) { o.Action, o.Lanes = AcceptEmpty, []string{"a"} })},
		{"pause", []string{"--pause=a", "b"}, parsed(func(o *Options) { o.Action, o.Lanes = Pause, []string{"a", "b"} })},
		{"resume", []string{"--resume", "a"}, parsed(func(o *Options) { o.Action, o.Lanes = Resume, []string{"a"} })},
		{"words of scripts", []string{"start", "-o", "f", "foo", "restart", "now", "on"}, parsed(func(o *Options) {
			o.Config, o.Given = "f", given("of")
		})},
		{"words beside what starts", []string{"-d", "-r", "-o", "f", "start", "status", "stop"}, parsed(func(o *Options) {
			o.Daemon, o.FullSync, o.Config, o.Given = true, true, "f", given("d", "r", "of")
		})},
		{"stop", []string{"--stop"}, parsed(func(o *Options) { o.Action = Stop })},
		{"log", []string{"--log", "--follow"}, parsed(func(o *Options) { o.Action, o.Follow = ShowLog, true })},
		{"reload", []string{"--reload"}, parsed(func(o *Options) { o.Action = Reload })},
		{"status of all", []string{"--status", "--all"}, parsed(func(o *Options) { o.Action, o.All = Status, true })},
		{"pid file", []string{"-d", "--pid-file", "/run/s.pid"}, parsed(func(o *Options) {
			o.Daemon, o.PIDFile, o.Given = true, "/run/s.pid", given("d")
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"sersync2"}, tt.args...)
			got, err := Parse(args)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if !reflect.DeepEqual(args[1:], append([]string{}, tt.args...)) {
				t.Errorf("the arguments were changed: %q", args)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	const none = "命令行参数错误: 没有该选项"
	tests := []struct {
		args           []string
		stdout, stderr string
	}{
		{[]string{"-x"}, none + "-x", "s: invalid option -- 'x'"},
		{[]string{"-drx"}, none + "-x", "s: invalid option -- 'x'"},
		{[]string{"-\xff"}, none + "-\xff", "s: invalid option -- '\xff'"},
		{[]string{"-d=x"}, none + "-=", "s: invalid option -- '='"},
		{[]string{"-test.v"}, none + "-t", "s: invalid option -- 't'"},
		{[]string{"-drtest.run=x", "-h"}, none + "-t", "s: invalid option -- 't'"},
		{[]string{"-o"}, none + "-o", "s: option requires an argument -- 'o'"},
		{[]string{"-dn"}, none + "-n", "s: option requires an argument -- 'n'"},
		{[]string{"--nonsense=1"}, none + "--nonsense", "s: unrecognized option '--nonsense'"},
		{[]string{"---"}, none + "---", "s: unrecognized option '---'"},
		{[]string{"--=d"}, none + "--=d", "s: unrecognized option '--=d'"},
		{[]string{"--statsu"}, none + "--statsu", "s: unrecognized option '--statsu'; did you mean '--status'?"},
		{[]string{"--stat"}, none + "--stat", "s: unrecognized option '--stat'; did you mean '--status'?"},
		{[]string{"--rsync=web"}, none + "--rsync", "s: unrecognized option '--rsync'; did you mean '--resync'?"},
		{[]string{"--config=f"}, none + "--config", "s: unrecognized option '--config'; did you mean '-o FILE'?"},
		{[]string{"-status"}, none + "-s", "s: invalid option -- 's'; did you mean '--status'?"},
		{[]string{"-resync", "web"}, none + "-e", "s: invalid option -- 'e'; did you mean '--resync'?"},
		{[]string{"-dx"}, none + "-x", "s: invalid option -- 'x'"},
		{[]string{"status"}, "", "s: 'status' is not an option; did you mean '--status'? Nothing was started"},
		{[]string{"-o", "f", "chekc"}, "", "s: 'chekc' is not an option; did you mean '--check'? Nothing was started"},
		{[]string{"stop"}, "", "s: 'stop' is not an option; did you mean '--stop'? Nothing was started"},
		{[]string{"--stop", "web"}, "", "s: option '--stop' takes no word 'web'; a configuration file is named with -o FILE"},
		{[]string{"-d", "--follow"}, "", "s: option '--follow' goes with --log"},
		{[]string{"logs"}, "", "s: 'logs' is not an option; did you mean '--log'? Nothing was started"},
		{[]string{"-d", "--all"}, "", "s: option '--all' goes with --status"},
		{[]string{"--check", "f.xml"}, "", "s: option '--check' takes no word 'f.xml'; a configuration file is named with -o FILE"},
		{[]string{"--status", "web"}, "", "s: option '--status' takes no word 'web'; a configuration file is named with -o FILE"},
		{[]string{"-o", ""}, "ERROR config file name empty", "s: option '-o' needs the name of a configuration file"},
		{[]string{"--pause"}, "", "s: option '--pause' requires an argument"},
		{[]string{"--pause="}, "", "s: option '--pause' needs the name of a lane; --status lists them"},
		{[]string{"--resync="}, "", "s: option '--resync' needs the name of a lane; --status lists them"},
		{[]string{"--pid-file="}, "", "s: option '--pid-file' needs the name of a file"},
		{[]string{"--check=x"}, "", "s: option '--check' doesn't allow an argument"},
		{[]string{"--check", "--status"}, "", "s: options '--check' and '--status' exclude each other; give one of them"},
		{[]string{"--pause", "a", "--resume", "a"}, "", "s: options '--pause' and '--resume' exclude each other; give one of them"},
		{[]string{"--wait=soon"}, "", "s: option '--wait=soon' needs a number of seconds, as in --wait=60"},
		{[]string{"--wait=-1"}, "", "s: option '--wait=-1' needs a number of seconds, as in --wait=60"},
		{[]string{"--wait", "60"}, "", "s: option '--wait' takes its seconds after an equal sign: --wait=60"},
		{[]string{"-r", "--connect"}, "", "s: option '--connect' goes with --check, and not with -m"},
		{[]string{"-r", "--json"}, "", "s: option '--json' goes with --status, --check, --wait, --verify, --where or --pending"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			_, err := Parse(append([]string{"s"}, tt.args...))
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("error %v", err)
			}
			if usage.Stdout != tt.stdout || usage.Stderr != tt.stderr {
				t.Errorf("stdout %q\nstderr %q\nwant   %q\n       %q", usage.Stdout, usage.Stderr, tt.stdout, tt.stderr)
			}
		})
	}
}

// TestDistance: two neighbouring letters that changed places count as one error.
func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"status", "status", 0}, {"statsu", "status", 1}, {"stats", "status", 1}, {"chek", "check", 1}, {"start", "status", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestFindConfig: a file in the working directory is preferred to that of the system, and a file
// named on the command line to both.
func TestFindConfig(t *testing.T) {
	tests := []struct {
		args  []string
		files string
		want  string
	}{
		{nil, "confxml.xml " + SystemConfig, "confxml.xml"},
		{nil, SystemConfig, SystemConfig},
		{nil, "", "confxml.xml"},
		{[]string{"-o", "f"}, SystemConfig, "f"},
		{[]string{"--status"}, SystemConfig, SystemConfig},
	}
	for _, tt := range tests {
		o, err := Parse(append([]string{"s"}, tt.args...))
		if err != nil {
			t.Fatal(err)
		}
		o.FindConfig(func(path string) bool { return slices.Contains(strings.Fields(tt.files), path) })
		if o.Config != tt.want {
			t.Errorf("%q with %q: %s, want %s", tt.args, tt.files, o.Config, tt.want)
		}
		if named := slices.Contains(o.Given, Given{'o', o.Config}); named != (tt.want != DefaultConfig) {
			t.Errorf("%q with %q: the start-up lines name %v", tt.args, tt.files, o.Given)
		}
	}
}

func TestThreads(t *testing.T) {
	tests := []struct {
		text    string
		threads int
		shown   string
		warned  bool
	}{
		{"3", 3, "3", false},
		{" +4x", 4, "4", false}, // atoi reads it so
		{"auto", 2*runtime.NumCPU() + 2, "", false},
		{"0", 10, "0", true},
		{"abc", 10, "0", true},
		{"", 10, "0", true},
		{"-", 10, "0", true},
		{"-5", 10, "-5", true},
		{"10000", 10000, "10000", false},
		{"10001", 10, "10001", true},
		{"99999999999999999999", 10, "0", true},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			o, err := Parse([]string{"s", "-n", tt.text})
			if err != nil {
				t.Fatal(err)
			}
			if o.Threads != tt.threads || o.DefaultedThreads != tt.warned || (len(o.Warnings) == 1) != tt.warned {
				t.Errorf("threads %d, defaulted %v, warnings %q", o.Threads, o.DefaultedThreads, o.Warnings)
			}
			if tt.shown != "" && o.Given[0].Value != tt.shown {
				t.Errorf("shown as %q, want %q", o.Given[0].Value, tt.shown)
			}
		})
	}
}

// FuzzParse: every command line gives either options that can be used or an error with a text. The
// short options that were read are a prefix of those on the line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"-dro\x00f", "-n\x00-5", "-dh\x00-x", "--resync=\x00--", "-\x00--\x00-x", "-o=\x00-test.x", "---\x00--=", "-\xff", "--wait=1\x00--json",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		o, err := Parse(append([]string{"s"}, args...))
		var usage *UsageError
		if err != nil && (!errors.As(err, &usage) || !strings.HasPrefix(usage.Stderr, "s: ")) {
			t.Fatalf("error %v", err)
		}
		if err == nil && (o.Config == "" || o.Threads < 1) {
			t.Errorf("options %+v", o)
		}
		for _, g := range o.Given {
			if !strings.ContainsRune("dronm", rune(g.Letter)) || !strings.Contains(line, string([]byte{g.Letter})) {
				t.Errorf("option %q was not given", g.Letter)
			}
		}
	})
}
