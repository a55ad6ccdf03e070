package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
)

// Banner writes the lines that 2.5.4 prints while it starts; monitors and tutorials compare them,
// so wording, order, tabs and trailing spaces are those of 2.5.4. Lines that would not be true here
// are left out: that a missing crontabfilter ends the program, and that -r is refused under a
// filter.
//
// The methods are called in the order of the file. With -d those up to Daemon belong to the
// foreground half, the others to the daemon. Each writes once. What cannot be written is lost:
// standard output may be closed, and the sync must not fail because of that.
type Banner struct {
	Out io.Writer // standard output
	Err io.Writer // standard error
}

// Limit is a kernel limit that the program has looked at.
type Limit struct {
	Path   string // below /proc/sys
	Value  int64  // wanted at least
	Raised bool   // the program has raised it to Value
	Err    error  // why it could not be raised; nil otherwise
}

// System prints the lines about the kernel's limits. A limit that was already high enough has no
// line: 2.5.4 lowers such a limit to its own figure.
func (b Banner) System(limits []Limit) {
	var out, remedy bytes.Buffer
	out.WriteString("set the system param\n")
	for _, l := range limits {
		switch {
		case l.Raised:
			fmt.Fprintf(&out, "execute：echo %d > %s\n", l.Value, l.Path)
		case l.Err != nil:
			cause := l.Err
			var path *fs.PathError
			if errors.As(cause, &path) {
				cause = path.Err
			}
			key := strings.ReplaceAll(strings.TrimPrefix(l.Path, "/proc/sys/"), "/", ".")
			fmt.Fprintf(&remedy, "sersync: cannot raise %s to %d: %v; as root: sysctl -w %s=%d\n",
				l.Path, l.Value, cause, key, l.Value)
		}
	}
	b.out(&out)
	b.err(&remedy)
}

// Options echoes the short options. Of a command line with an error it shows the options before the
// error; UsageError follows.
func (b Banner) Options(o Options) {
	var out bytes.Buffer
	out.WriteString("parse the command param\n")
	for _, g := range o.Given {
		switch g.Letter {
		case 'd':
			out.WriteString("option: -d \trun as a daemon\n")
		case 'r':
			out.WriteString("option: -r \trsync all the local files to the remote servers before the sersync work\n")
		case 'o':
			fmt.Fprintf(&out, "option: -o \tconfig xml name：  %s\n", g.Value)
		case 'n':
			fmt.Fprintf(&out, "option: -n \tthread num is：  %s\n", g.Value)
		case 'm':
			fmt.Fprintf(&out, "option: -m \tworking plugin name: %s\n", g.Value)
		}
	}
	b.out(&out)
}

// UsageError prints both lines of err.
func (b Banner) UsageError(err *UsageError) {
	var out, text bytes.Buffer
	if err.Stdout != "" {
		out.WriteString(err.Stdout + "\n")
	}
	if err.Stderr != "" {
		text.WriteString(err.Stderr + "\n")
	}
	b.out(&out)
	b.err(&text)
}

// Reading prints the lines that come before the configuration is read.
func (b Banner) Reading(o Options) {
	var out, warnings bytes.Buffer
	if o.DefaultedThreads {
		fmt.Fprintf(&out, "daemon thread num: %d\n", o.Threads)
	}
	out.WriteString("parse xml config file\n")
	for _, w := range o.Warnings {
		warnings.WriteString(o.Program + ": " + w + "\n")
	}
	b.out(&out)
	b.err(&warnings)
}

// Config prints the lines about the switches of a configuration that could be read.
func (b Banner) Config(c confxml.Config) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "host ip : %s\thost port: %d\n", c.Host.IP, c.Host.Port)
	for _, line := range []struct {
		when bool
		text string
	}{
		{c.Filter.On, "now the filter work ,if you set the crontab,you have to set crontab filter "},
		{!c.Inotify.Delete, "will ignore the inotify delete event"},
		// It says the opposite of what the switch does, but it is the line that people know.
		{c.Inotify.CreateFile, "will ignore the inotify createFile event "},
		{c.Debug, "Open debug, you will see debug infomation "},
		{c.XFS, "WARNING XFS FILE SYSTEM WORK"},
	} {
		if line.when {
			out.WriteString(line.text + "\n")
		}
	}
	b.out(&out)
}

// Daemon prints the last line of the foreground half.
func (b Banner) Daemon() {
	b.out(bytes.NewBufferString("daemon start，sersync run behind the console \n"))
}

// Lanes prints the lines about what the sync is going to do. It is not called with -m.
func (b Banner) Lanes(c confxml.Config, threads int) {
	var out bytes.Buffer
	crontabLines(&out, c.Crontab)
	authLines(&out, c.LocalPaths)
	for _, ref := range c.PluginRefs {
		fmt.Fprintf(&out, "after each synchronize run the plugin \tplugin name is: %s\n", ref.Name)
	}
	remotes := 0
	for _, local := range c.LocalPaths {
		remotes += len(local.Remotes)
	}
	pool, sub := threads+2, remotes*threads
	out.WriteString("config xml parse success\nplease set /etc/rsyncd.conf max connections=0 Manually\n")
	fmt.Fprintf(&out, "sersync working thread %d  = 1(primary thread) + 1(fail retry thread) + %d(daemon sub threads) \n", pool, threads)
	fmt.Fprintf(&out, "Max threads numbers is: %d = %d(Thread pool nums) + %d(Sub threads)\n", pool+sub, pool, sub)
	out.WriteString("please according your cpu ，use -n param to adjust the cpu rate\n")
	b.out(&out)
}

// crontabLines names the interval in effect, also where 2.5.4 falls back to
// its default without a word.
func crontabLines(out *bytes.Buffer, c confxml.Crontab) {
	if !c.On {
		return
	}
	when := fmt.Sprintf("Every %d minutes", int64(c.Interval.Minutes()))
	if c.Cron != "" {
		when = "At " + c.Cron
	}
	fmt.Fprintf(out, "Start the crontab \t%s rsync all the files to the remote servers entirely\n", when)
	if !c.FilterOn {
		return
	}
	out.WriteString("开启crontab过滤功能:\t作整体同步的时候会对如下文件进行过滤\n")
	for _, e := range c.Exclude {
		out.WriteString(e.Text + "\n")
	}
}

// authLines prints each pair of user and password file once; 2.5.4 knows only
// one.
func authLines(out *bytes.Buffer, locals []confxml.LocalPath) {
	type auth struct{ user, file string }
	seen := map[auth]bool{{}: true}
	for _, local := range locals {
		for _, remote := range local.Remotes {
			a := auth{remote.User, remote.PasswordFile}
			if seen[a] {
				continue
			}
			seen[a] = true
			fmt.Fprintf(out, "use rsync password-file :\nuser is\t%s\npasswordfile is \t%s\n", a.user, a.file)
		}
	}
}

// FullSync announces -r. Commands are the lanes' command lines in order; as in
// 2.5.4 only the first is shown, and with debug each of them again.
func (b Banner) FullSync(commands []string, debug bool) {
	var out bytes.Buffer
	out.WriteString("------------------------------------------\n" +
		"rsync the directory recursivly to the remote servers once\n" +
		"working please wait...\n")
	for _, command := range commands[:min(1, len(commands))] {
		fmt.Fprintf(&out, "execute command: %s\n", command)
	}
	if debug {
		for _, command := range commands {
			fmt.Fprintf(&out, "crontab command:%s\n", command)
		}
	}
	b.out(&out)
}

// Module announces a plugin that runs alone (-m). A name that is no plugin is
// an error whose Stdout is 2.5.4's line.
func (b Banner) Module(name string) error {
	line, ok := map[string]string{
		"refreshCDN": "启动刷新CDN模块",
		"socket":     "启动SOCKET接口",
		"command":    "start command interface",
		"http":       "start http interface", // 2.5.4 has none
	}[name]
	if !ok {
		return &UsageError{
			Stdout: "模块名称错误",
			Stderr: fmt.Sprintf("sersync: no module %q; -m takes socket, http, command or refreshCDN", name),
		}
	}
	b.out(bytes.NewBufferString(line + "\n"))
	return nil
}

// SocketPlugin names the receiver of the socket plugin.
func (b Banner) SocketPlugin(watch, ip, port string) {
	b.out(bytes.NewBufferString("监控路径: " + watch + "  ip:  " + ip + " 端口号: " + port + "\n"))
}

// Running prints the last lines of a start; 2.5.4 names only the first localpath.
func (b Banner) Running(locals []confxml.LocalPath) {
	var out bytes.Buffer
	out.WriteString("run the sersync: \n")
	for _, local := range locals {
		watch := local.Watch
		if watch != "/" {
			watch = strings.TrimSuffix(watch, "/")
		}
		out.WriteString("watch path is: " + watch + "\n")
	}
	b.out(&out)
}

// BadFilter reports a filter expression that is skipped, also without debug.
func (b Banner) BadFilter(expression, reason string) {
	b.out(bytes.NewBufferString("\nfilter 中" + expression + "regular expression error,filter fail\nerror content:\t" + reason + "\n"))
}

func (b Banner) out(text *bytes.Buffer) { _, _ = b.Out.Write(text.Bytes()) }

func (b Banner) err(text *bytes.Buffer) {
	if text.Len() > 0 {
		_, _ = b.Err.Write(text.Bytes())
	}
}
