package cli

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// noValue is what pflag passes for an option without its optional value.
// Nobody can type it: an argument holds no NUL.
const noValue = "\x00"

// errStop ends the parse early: 2.5.4 acts on -h at once, and it does not look at what follows.
var errStop = errors.New("rest of the command line not needed")

// maxThreads keeps the sums in the start-up lines and the lengths of queues within reason; rsync
// processes have a limit of their own.
const maxThreads = 10000

// Parse reads a command line, argv[0] included, as getopt(3) does for 2.5.4:
// short options may be clustered (-dro FILE, -n1), are processed left to
// right, and words that are no options are ignored wherever they stand. Long
// options are ours. An unusable command line is a *UsageError; the Options
// then hold what stood before it.
//
// spf13/pflag does the work. Three things are not as in getopt: "-o=FILE" is "-o FILE" there
// (getopt: a file named "=FILE"), options beginning with "-test." are swallowed, see
// refuseTestFlags, and errors are worded differently, see translate.
func Parse(argv []string) (Options, error) {
	p := &parser{Options: Options{
		Program: "sersync", Config: DefaultConfig, Threads: DefaultThreads, DefaultedThreads: true,
	}}
	if len(argv) > 0 {
		p.Program, argv = argv[0], argv[1:]
	}
	flags := p.flags()
	err := p.translate(argv, flags.Parse(refuseTestFlags(argv)))
	if err == nil && !p.stopped {
		err = p.finish(flags.Args())
	}
	return p.Options, err
}

type parser struct {
	Options
	actionName string // the long option that chose Action
	stopped    bool
}

// value is a pflag.Value whose Set is a function, so that the options take
// effect in the order typed.
type value func(string) error

func (v value) Set(s string) error { return v(s) }
func (value) String() string       { return "" }
func (value) Type() string         { return "" }

func (p *parser) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet(p.Program, pflag.ContinueOnError)
	p.shortFlags(f)

	for name, action := range map[string]Action{"help": LongHelp, "version": Version} {
		p.long(f, name, func(string) error { return p.stop(action) }).NoOptDefVal = noValue
	}
	for name, action := range map[string]Action{"check": Check, "status": Status, "stop": Stop, "reload": Reload, "log": ShowLog, "init": Init} {
		p.long(f, name, func(string) error { return p.act(name, action) }).NoOptDefVal = noValue
	}
	p.long(f, "all", func(string) error { p.All = true; return nil }).NoOptDefVal = noValue
	p.long(f, "follow", func(string) error { p.Follow = true; return nil }).NoOptDefVal = noValue
	p.long(f, "json", func(string) error { p.JSON = true; return nil }).NoOptDefVal = noValue
	p.long(f, "connect", func(string) error { p.Connect = true; return nil }).NoOptDefVal = noValue
	for name, action := range map[string]Action{"accept-empty": AcceptEmpty, "pause": Pause, "resume": Resume} {
		f.VarPF(value(func(lane string) error { return p.lane(name, action, lane) }), name, "", "")
	}
	for name, action := range map[string]Action{"resync": Resync, "verify": Verify, "pending": Pending} {
		f.VarPF(value(func(lane string) error { return p.lane(name, action, lane) }), name, "", "").NoOptDefVal = noValue
	}
	f.VarPF(value(p.where), "where", "", "")
	for name, into := range map[string]*string{"dir": &p.Setup.Dir, "target": &p.Setup.Target, "user": &p.Setup.User, "password-file": &p.Setup.PasswordFile} {
		f.VarPF(value(func(s string) error {
			if s == "" {
				return p.usage("option '--%s' needs a value", name)
			}
			*into = s
			return nil
		}), name, "", "")
	}
	f.VarPF(value(p.wait), "wait", "", "").NoOptDefVal = noValue
	f.VarPF(value(p.pidFile), "pid-file", "", "")
	return f
}

func (p *parser) shortFlags(f *pflag.FlagSet) {
	set := map[byte]func(string) error{
		'd': func(string) error { p.Daemon = true; return nil },
		'r': func(string) error { p.FullSync = true; return nil },
		'h': func(string) error { return p.stop(ShortHelp) },
		'o': p.config,
		'n': p.threads,
		'm': func(name string) error { p.Module = name; return nil },
	}
	for letter, do := range set {
		takesValue := strings.IndexByte("onm", letter) >= 0
		v := func(s string) error {
			if !takesValue {
				if s != noValue {
					return p.badLetter('=', "") // -d=x: getopt takes the = for an option
				}
				s = ""
			}
			if letter != 'h' {
				p.Given = append(p.Given, Given{Letter: letter, Value: s})
			}
			return do(s)
		}
		// pflag wants a long name as well; one with = cannot be typed.
		flag := f.VarPF(value(v), "="+string(letter), string(letter), "")
		if !takesValue {
			flag.NoOptDefVal = noValue
		}
	}
}

// long adds a long option that takes no value.
func (p *parser) long(f *pflag.FlagSet, name string, do func(string) error) *pflag.Flag {
	return f.VarPF(value(func(s string) error {
		if s != noValue {
			return p.usage("option '--%s' doesn't allow an argument", name)
		}
		return do(s)
	}), name, "", "")
}

func (p *parser) stop(a Action) error {
	p.Action, p.stopped = a, true
	return errStop
}

func (p *parser) act(name string, a Action) error {
	if p.Action != Sync && p.Action != a {
		return p.usage("options '--%s' and '--%s' exclude each other; give one of them", p.actionName, name)
	}
	p.Action, p.actionName = a, name
	return nil
}

func (p *parser) lane(name string, a Action, lane string) error {
	if lane == "" {
		return p.usage("option '--%s' needs the name of a lane; --status lists them", name)
	}
	if lane != noValue {
		p.Lanes = append(p.Lanes, lane)
	}
	return p.act(name, a)
}

func (p *parser) wait(seconds string) error {
	p.WaitLimit = NoLimit
	if seconds != noValue {
		n, err := strconv.ParseUint(seconds, 10, 31)
		if err != nil {
			return p.usage("option '--wait=%s' needs a number of seconds, as in --wait=60", seconds)
		}
		p.WaitLimit = time.Duration(n) * time.Second
	}
	return p.act("wait", Wait)
}

func (p *parser) where(path string) error {
	if path == "" {
		return p.usage("option '--where' needs the path of a file")
	}
	p.Path = path
	return p.act("where", Where)
}

func (p *parser) pidFile(path string) error {
	if path == "" {
		return p.usage("option '--pid-file' needs the name of a file")
	}
	p.PIDFile = path
	return nil
}

func (p *parser) config(path string) error {
	if path == "" {
		err := p.usage("option '-o' needs the name of a configuration file")
		err.Stdout = "ERROR config file name empty"
		return err
	}
	p.Config = path
	return nil
}

// threads reads -n as 2.5.4 does, through atoi: text is 0, and 0 is the
// default. A negative number starts no worker at all in 2.5.4; here it is the
// default too.
func (p *parser) threads(text string) error {
	given := &p.Given[len(p.Given)-1]
	n, ok := 2*runtime.NumCPU()+2, true
	if text != "auto" {
		n, ok = atoi(text)
	}
	given.Value = strconv.Itoa(n)
	p.DefaultedThreads = !ok || n < 1 || n > maxThreads
	p.Threads = n
	if p.DefaultedThreads {
		p.Threads = DefaultThreads
		p.Warnings = append(p.Warnings, fmt.Sprintf("option -n %q: not a number from 1 to %d or auto; using %d threads",
			text, maxThreads, DefaultThreads))
	}
	return nil
}

// atoi is atoi(3): leading space, a sign, digits, and what follows does not matter. If the number
// overflows, the result is 0 and false.
func atoi(text string) (int, bool) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	end := 0
	for i := range len(text) {
		if c := text[i]; ('0' > c || c > '9') && (i > 0 || c != '-' && c != '+') {
			break
		}
		end = i + 1
	}
	n, err := strconv.ParseInt(text[:end], 10, 32)
	if err != nil {
		return 0, false
	}
	return int(n), true
}

// finish judges the command line as a whole. Words that are no options are ignored as in 2.5.4. But
// where one of our actions can take an argument such a word is that argument: "--resync www" must
// not resync everything. A word after another action, and "sersync status" without an option that
// starts something, is a mistake.
func (p *parser) finish(words []string) error {
	if len(words) > 0 {
		if err := p.words(words); err != nil {
			return err
		}
	}
	if p.Connect && (p.Action != Check || p.Module != "") {
		return p.usage("option '--connect' goes with --check, and not with -m")
	}
	if p.Setup != (Setup{}) && p.Action != Init {
		return p.usage("options '--dir', '--target', '--user' and '--password-file' go with --init")
	}
	if p.All && p.Action != Status {
		return p.usage("option '--all' goes with --status")
	}
	if p.Follow && p.Action != ShowLog {
		return p.usage("option '--follow' goes with --log")
	}
	if p.JSON && !slices.Contains([]Action{Status, Check, Wait, Verify, Where, Pending}, p.Action) {
		return p.usage("option '--json' goes with --status, --check, --wait, --verify, --where or --pending")
	}
	return nil
}

// words judges the words that are no options, of which there is at least one.
func (p *parser) words(words []string) error {
	switch p.Action {
	case Sync:
		if p.Daemon || p.FullSync || p.Module != "" {
			return nil // a start as for 2.5.4; some scripts add the word "start"
		}
		for _, word := range words {
			if option := p.command(word); option != "" {
				return p.usage("'%s' is not an option%s Nothing was started", word, hint(option))
			}
		}
	case Resync, Verify, AcceptEmpty, Pause, Resume, Pending:
		p.Lanes = append(p.Lanes, words...)
	case Wait:
		return p.usage("option '--wait' takes its seconds after an equal sign: --wait=%s", words[0])
	default:
		return p.usage("option '--%s' takes no word '%s'; a configuration file is named with -o FILE", p.actionName, words[0])
	}
	return nil
}

// usage is an error of ours, for which 2.5.4 has no line.
func (p *parser) usage(format string, args ...any) *UsageError {
	return &UsageError{Stderr: p.Program + ": " + fmt.Sprintf(format, args...)}
}

// unknown adds 2.5.4's line, which it prints for each option that getopt does
// not accept.
func (p *parser) unknown(option, format string, args ...any) *UsageError {
	err := p.usage(format, args...)
	err.Stdout = "命令行参数错误: 没有该选项" + option
	return err
}

// badLetter is getopt's error for a short option that it does not know; meant is
// the option that was meant, empty when none is near.
func (p *parser) badLetter(letter byte, meant string) *UsageError {
	name := string([]byte{letter})
	return p.unknown("-"+name, "invalid option -- '%s'%s", name, hint(meant))
}

// translate puts pflag's errors into getopt's and 2.5.4's words.
func (p *parser) translate(argv []string, err error) error {
	var (
		own     *UsageError
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case err == nil, errors.Is(err, errStop):
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &unknown):
		if cluster := unknown.GetSpecifiedShortnames(); cluster != "" {
			return p.badLetter(cluster[0], p.meantByCluster(argv, cluster))
		}
		name := "--" + unknown.GetSpecifiedName()
		return p.unknown(name, "unrecognized option '%s'%s", name, hint(p.meant(unknown.GetSpecifiedName())))
	case errors.As(err, &missing):
		name := missing.GetSpecifiedName()
		if missing.GetSpecifiedShortnames() != "" {
			return p.unknown("-"+name, "option requires an argument -- '%s'", name)
		}
		return p.usage("option '--%s' requires an argument", name)
	case errors.As(err, &syntax):
		return p.unknown(syntax.GetSpecifiedFlag(), "unrecognized option '%s'", syntax.GetSpecifiedFlag())
	}
	return p.usage("%v", err)
}

var (
	testFlag     = regexp.MustCompile(`^-[dr]*test\.`)
	takesNextArg = regexp.MustCompile(`^-[dr]*[onm]$|^--(accept-empty|pause|resume|pid-file)$`)
)

// refuseTestFlags shortens "-test.x", which pflag would skip for the sake of "go test", to "-t",
// which is unknown to pflag: a typing error must not start the sync.
func refuseTestFlags(args []string) []string {
	args = append([]string(nil), args...)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if testFlag.MatchString(arg) && (i == 0 || !takesNextArg.MatchString(args[i-1])) {
			args[i] = arg[:strings.Index(arg, "test.")+1]
		}
	}
	return args
}
