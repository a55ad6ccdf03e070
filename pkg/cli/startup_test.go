package cli

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// recordedCases is the number of recorded starts; the test fails if one is missing.
const recordedCases = 52

type recorded struct {
	Name, Config, Stdout, Stderr string
	Flags                        []string
}

// differences are the recorded starts whose lines would not be true for this program, each with
// pairs of the old and the new text.
var differences = map[string][]string{
	// Both localpaths are synced, each one with its remote.
	"028_two_localpaths": {
		"Max threads numbers is: 22 = 12(Thread pool nums) + 10(Sub threads)", "Max threads numbers is: 32 = 12(Thread pool nums) + 20(Sub threads)",
		"watch path is: @ROOT@/src\n", "watch path is: @ROOT@/src\nwatch path is: @ROOT@/out\n",
	},
	"030b_auth_empty_users": {"use rsync password-file :\nuser is\t\npasswordfile is \t\n", ""},
	// A schedule that cannot be used is replaced by an interval, which the new line names.
	"223_crontab_schedule_neg":  {"Start the crontab \t", "Start the crontab \tEvery 600 minutes rsync all the files to the remote servers entirely\n"},
	"224_crontab_schedule_text": {"Start the crontab \t", "Start the crontab \tEvery 600 minutes rsync all the files to the remote servers entirely\n"},
	// The watch path of the plugin does not replace the one that is synced.
	"524_plugin_socket_own_watch": {"watch path is: @ROOT@/out", "watch path is: @ROOT@/src"},
	"524c_plugin_socket_with_r":   {"watch path is: @ROOT@/out", "watch path is: @ROOT@/src"},
	// The module http exists.
	"014_m_http":    {"模块名称错误\n", "start http interface\n"},
	"014b_d_m_http": {"模块名称错误\n", "start http interface\n"},
	// The crontab goes on, and -r works together with the filter.
	"983_crontab_filter_without_crontabfilter": {
		"************************WARNING***********************************\n" +
			"您设置了文件过滤器但没有设置crontab过滤器，所以crontab会将您已经过滤的\n" +
			"文件整体同步到目标主机，为了达到过滤效果，请根据您设置的文件过滤器设置\n" +
			"crontab过滤器,注意两者正则语法可能不同,请您参考默认配置文件内容。\n" +
			"如果您不设置crontab过滤器，crontab将会关闭\n", "",
		"************************attention***********************************\n" +
			"you set the filter so the \"-r \" can not work\n",
		"------------------------------------------\n" +
			"rsync the directory recursivly to the remote servers once\n" +
			"working please wait...\n",
	},
}

func TestStartupLinesAsRecorded(t *testing.T) {
	data, err := os.ReadFile("testdata/startup.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != recordedCases {
		t.Errorf("%d recorded starts, want %d", len(cases), recordedCases)
	}
	names := map[string]bool{}
	for _, c := range cases {
		names[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			want := c.Stdout
			for pair := range slices.Chunk(differences[c.Name], 2) {
				if strings.Count(want, pair[0]) != 1 {
					t.Fatalf("%q is not in the recorded lines once", pair[0])
				}
				want = strings.Replace(want, pair[0], pair[1], 1)
			}
			out, stderr := startUp(t, c)
			if slices.Contains(c.Flags, "-dh") {
				// The help of 2.5.4 is followed by the options that it did not have.
				if extra, ok := strings.CutPrefix(out, want); !ok || !strings.Contains(extra, "--help") {
					t.Errorf("help:\n%s\nwant it to begin with\n%s", out, want)
				}
				return
			}
			if out != want {
				t.Errorf("standard output\n%s\nwant\n%s", out, want)
			}
			if strings.HasPrefix(c.Stderr, "@BIN@") && stderr != c.Stderr {
				t.Errorf("standard error %q, want %q", stderr, c.Stderr)
			}
		})
	}
	for name := range differences {
		if !names[name] {
			t.Errorf("no recorded start %q", name)
		}
	}
}

// startUp prints the start-up lines in the order in which the program does. The parts that come
// from other packages, which are rsync's command lines and the reasons why an expression is bad,
// are taken from the record.
func startUp(t *testing.T, c recorded) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	b := Banner{Out: &out, Err: &errs}
	o, err := Parse(append([]string{"@BIN@"}, c.Flags...))
	b.System([]Limit{
		{Path: "/proc/sys/fs/inotify/max_user_watches", Value: 50000000, Raised: true},
		{Path: "/proc/sys/fs/inotify/max_queued_events", Value: 327679, Raised: true},
	})
	b.Options(o)
	var usage *UsageError
	switch {
	case errors.As(err, &usage):
		b.UsageError(usage)
		return out.String(), errs.String()
	case o.Action == ShortHelp:
		if err := WriteShortHelp(&out); err != nil {
			t.Fatal(err)
		}
		return out.String(), errs.String()
	case err != nil:
		t.Fatal(err)
	}
	b.Reading(o)
	raw := readRaw(t, c.Config)
	conf := raw.config()
	b.Config(conf)
	if o.Daemon {
		b.Daemon()
	}
	if o.Module != "" {
		if err := b.Module(o.Module); err != nil {
			t.Fatal(err)
		}
	} else {
		b.Lanes(conf, o.Threads)
		if o.FullSync {
			b.FullSync(recordedCommands(c.Stdout, conf.Debug), conf.Debug)
		}
	}
	if strings.Contains(c.Stdout, "监控路径") {
		p := raw.Plugin[0].LocalPath
		b.SocketPlugin(p.Watch, p.DesHost.IP, p.DesHost.Port)
	}
	if o.Module == "" {
		b.Running(conf.LocalPaths)
	}
	for _, bad := range strings.Split(c.Stdout, "\nfilter 中")[1:] {
		expression, reason, _ := strings.Cut(bad, "regular expression error,filter fail\nerror content:\t")
		b.BadFilter(expression, strings.TrimSuffix(reason, "\n"))
	}
	return out.String(), errs.String()
}

func recordedCommands(stdout string, debug bool) []string {
	prefix := "execute command: "
	if debug {
		prefix = "crontab command:"
	}
	var commands []string
	for line := range strings.Lines(stdout) {
		if command, ok := strings.CutPrefix(line, prefix); ok {
			commands = append(commands, strings.TrimSuffix(command, "\n"))
		}
	}
	return commands
}
