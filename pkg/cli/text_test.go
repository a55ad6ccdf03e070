package cli

import (
	"errors"
	"io/fs"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
)

func TestSystemLimits(t *testing.T) {
	const path = "/proc/sys/fs/inotify/max_user_watches"
	denied := &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	tests := []struct {
		name        string
		limit       Limit
		out, remedy string
	}{
		{"raised", Limit{Path: path, Value: 50000000, Raised: true}, "execute：echo 50000000 > " + path + "\n", ""},
		{"high enough", Limit{Path: path, Value: 50000000}, "", ""},
		{"not permitted", Limit{Path: path, Value: 50000000, Err: denied}, "",
			"sersync: cannot raise " + path + " to 50000000: permission denied; as root: sysctl -w fs.inotify.max_user_watches=50000000\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			Banner{Out: &out, Err: &errs}.System([]Limit{tt.limit})
			if out.String() != "set the system param\n"+tt.out || errs.String() != tt.remedy {
				t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
			}
		})
	}
}

func TestLanesOfExtensions(t *testing.T) {
	a := confxml.Remote{User: "u1", PasswordFile: "p1"}
	b := confxml.Remote{User: "u2", PasswordFile: "p2"}
	c := confxml.Config{
		Crontab:    confxml.Crontab{On: true, Cron: "0 3 * * *"},
		LocalPaths: []confxml.LocalPath{{Remotes: []confxml.Remote{a, b, {}}}, {Remotes: []confxml.Remote{a}}},
		PluginRefs: []confxml.PluginRef{{Name: "http"}, {Name: "command"}},
	}
	var out strings.Builder
	Banner{Out: &out}.Lanes(c, 3)
	want := "Start the crontab \tAt 0 3 * * * rsync all the files to the remote servers entirely\n" +
		"use rsync password-file :\nuser is\tu1\npasswordfile is \tp1\n" +
		"use rsync password-file :\nuser is\tu2\npasswordfile is \tp2\n" +
		"after each synchronize run the plugin \tplugin name is: http\n" +
		"after each synchronize run the plugin \tplugin name is: command\n"
	if !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "is: 17 = 5(Thread pool nums) + 12(Sub threads)\n") {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestReadingWarns(t *testing.T) {
	o, err := Parse([]string{"s", "-n", "many"})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	Banner{Out: &out, Err: &errs}.Reading(o)
	if out.String() != "daemon thread num: 10\nparse xml config file\n" {
		t.Errorf("stdout %q", out.String())
	}
	if want := "s: option -n \"many\": not a number from 1 to 10000 or auto; using 10 threads\n"; errs.String() != want {
		t.Errorf("stderr %q, want %q", errs.String(), want)
	}
}

func TestUnknownModule(t *testing.T) {
	var out, errs strings.Builder
	b := Banner{Out: &out, Err: &errs}
	err := b.Module("HTTP")
	var usage *UsageError
	if !errors.As(err, &usage) {
		t.Fatalf("error %v", err)
	}
	b.UsageError(usage)
	if out.String() != "模块名称错误\n" || !strings.Contains(errs.String(), `"HTTP"`) {
		t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
	}
}

func TestHelpLanguage(t *testing.T) {
	tests := []struct {
		env     map[string]string
		chinese bool
	}{
		{map[string]string{}, false},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, true},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "", "LC_MESSAGES": "zh_TW"}, true},
		{map[string]string{"LANG": "zha_CN"}, false}, // Zhuang
	}
	for _, tt := range tests {
		var out strings.Builder
		if err := WriteHelp(&out, "./sersync2", func(name string) string { return tt.env[name] }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "用法"); got != tt.chinese {
			t.Errorf("%v: Chinese %v", tt.env, got)
		}
	}
}

// TestHelpIsComplete: the help in each language names every option that Parse knows.
func TestHelpIsComplete(t *testing.T) {
	var names []string
	(&parser{}).flags().VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" {
			names = append(names, "-"+f.Shorthand)
		} else {
			names = append(names, "--"+f.Name)
		}
	})
	if len(names) != 31 {
		t.Errorf("%d options: %v", len(names), names)
	}
	for _, lang := range []string{"en", "zh_CN"} {
		var out strings.Builder
		if err := WriteHelp(&out, "sersync", func(string) string { return lang }); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "PROGRAM") {
			t.Errorf("%s: the program's name is missing", lang)
		}
		for _, name := range names {
			if !strings.Contains(out.String(), "  "+name) {
				t.Errorf("%s: no line for %s", lang, name)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v3.1.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"},
	}}
	if got := releaseOf("", info); got != "v3.1.0" {
		t.Errorf("from build info: %q", got)
	}
	if got := releaseOf("3.2.0", info); got != "3.2.0" {
		t.Errorf("from the linker: %q", got)
	}
	for _, unknown := range []*debug.BuildInfo{nil, {}, {Main: debug.Module{Version: "(devel)"}}} {
		if got := releaseOf("", unknown); got != "devel" {
			t.Errorf("%v: %q", unknown, got)
		}
	}
	if got := commitOf(info); got != " (0123456789ab modified)" {
		t.Errorf("commit %q", got)
	}
	if got := commitOf(&debug.BuildInfo{}); got != "" {
		t.Errorf("no commit: %q", got)
	}
	if line := VersionLine(); !strings.HasPrefix(line, "sersync "+ReleaseVersion()) || strings.Contains(line, "\n") {
		t.Errorf("line %q", line)
	}
}
