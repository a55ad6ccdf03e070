package confxml

// definitions is the format: every element and attribute that means something,
// in the order of the shipped file. Reader, warnings and Reference all use it.
func definitions() []definition {
	t := headDefinitions()
	t = append(t, switchDefinitions()...)
	t = append(t, localpathDefinitions()...)
	t = append(t, rsyncDefinitions()...)
	t = append(t, scheduleDefinitions()...)
	t = append(t, pluginDefinitions()...)
	t = append(t, notifyDefinitions()...)
	return append(t, extensionDefinitions()...)
}

func headDefinitions() []definition {
	return []definition{
		{"head", "", kindNone, "", essential, false, "The root element.", "根元素。"},
		{"head", "version", kindText, "2.5", optional, false, "Accepted, without effect.", "接受，但不起作用。"},
		{"host", "", kindNone, "", required, false, "Address of the status page.", "状态页的地址。"},
		{"host", "hostip", kindText, "localhost", required, false, "Printed at start. The status page listens on loopback only, whatever stands here.", "启动时打印。无论填写什么，状态页只监听本机回环地址。"},
		{"host", "port", kindNumber, "8008", required, false, "Port of the status page; text counts as 0.", "状态页的端口；非数字按 0 处理。"},
		{"host", "page", kindBoolean, "true", optional, true, "false turns the status page off.", "false 关闭状态页。"},
		{"host", "listen", kindText, "", optional, true, "ADDR:PORT: listen there instead of on loopback. Needs tokenfile.", "ADDR:PORT：改为监听该地址，必须同时设置 tokenfile。"},
		{"host", "tokenfile", kindText, "", optional, true, "File with the bearer token that unlocks the page and path names.", "保存访问令牌的文件，凭令牌访问状态页和文件名。"},
		{"host", "socket", kindText, "", optional, true, "Unix socket (mode 0600) that serves the same.", "提供同样内容的 Unix 套接字（权限 0600）。"},
		{"debug", "", kindNone, "", required, false, "Debug output.", "调试输出。"},
		{"debug", "start", kindBoolean, "false", required, false, "Print events and rsync command lines.", "打印事件和 rsync 命令行。"},
		{"fileSystem", "", kindNone, "", required, false, "File system switch of 2.5.4.", "2.5.4 的文件系统开关。"},
		{"fileSystem", "xfs", kindBoolean, "false", required, false, "Accepted and unneeded: every file system is read correctly.", "接受但不再需要：所有文件系统都能正确识别。"},
		{"filter", "", kindNone, "", required, false, "What is neither sent nor deleted.", "既不发送也不删除的路径。"},
		{"filter", "start", kindBoolean, "false", required, false, "Apply the exclude expressions to events, full syncs and crontab runs.", "对事件、全量同步和定时同步启用 exclude 表达式。"},
		{"filter/exclude", "", kindNone, "", optional, false, "One expression; any number.", "一个表达式，可以有任意多个。"},
		{"filter/exclude", "expression", kindText, "", requiredOn, false, "Perl regular expression that must match the whole relative path.", "Perl 正则表达式，必须匹配整个相对路径。"},
	}
}

func switchDefinitions() []definition {
	return []definition{
		{"inotify", "", kindNone, "", required, false, "Which changes are synced.", "同步哪些变更。"},
		{"inotify", "selfcheck", kindDuration, "24h", optional, true, "Interval of the scan for changes that inotify cannot see; 0 turns it off.", "扫描 inotify 看不到的变更的间隔；0 表示关闭。"},
		{"inotify/delete", "", kindNone, "", required, false, "Deletions.", "删除。"},
		{"inotify/delete", "start", kindBoolean, "true", required, false, "Delete on the remote what is deleted or moved away here; also the only switch for deletion in full syncs.", "本机删除或移走的，远端也删除；也是全量同步时删除的唯一开关。"},
		{"inotify/createFolder", "", kindNone, "", required, false, "New directories.", "新建目录。"},
		{"inotify/createFolder", "start", kindBoolean, "true", required, false, "Sync and watch new directories; false ignores them, but not those moved in.", "同步并监控新建目录；false 忽略它们，但移入的目录除外。"},
		{"inotify/createFile", "", kindNone, "", required, false, "New files.", "新建文件。"},
		{"inotify/createFile", "start", kindBoolean, "false", required, false, "Send a file when it is created, before it is written and closed.", "文件一创建就发送，不等写入并关闭。"},
		{"inotify/closeWrite", "", kindNone, "", required, false, "Written files.", "写完的文件。"},
		{"inotify/closeWrite", "start", kindBoolean, "true", required, false, "Send a file when it is closed after writing.", "文件写入后关闭时发送。"},
		{"inotify/moveFrom", "", kindNone, "", required, false, "Moves out of a directory.", "移出目录。"},
		{"inotify/moveFrom", "start", kindBoolean, "true", required, false, "Follow what is moved away.", "跟踪移走的文件。"},
		{"inotify/moveTo", "", kindNone, "", required, false, "Moves into a directory.", "移入目录。"},
		{"inotify/moveTo", "start", kindBoolean, "true", required, false, "Send what is moved in.", "发送移入的文件。"},
		{"inotify/attrib", "", kindNone, "", required, false, "Attributes.", "属性。"},
		{"inotify/attrib", "start", kindBoolean, "false", required, false, "Send changes of mode, owner and times.", "发送权限、属主和时间的变更。"},
		{"inotify/modify", "", kindNone, "", required, false, "Writes.", "写入。"},
		{"inotify/modify", "start", kindBoolean, "false", required, false, "Send a file with every write, not only when it is closed.", "每次写入都发送，不只在关闭时发送。"},
	}
}

func localpathDefinitions() []definition {
	t := []definition{
		{"sersync", "", kindNone, "", required, false, "What is synced, and how.", "同步什么以及如何同步。"},
		{"sersync/localpath", "", kindNone, "", essential, false, "A watched directory; any number (2.5.4 used only the first).", "被监控的目录，可以有任意多个（2.5.4 只用第一个）。"},
		{"sersync/localpath", "watch", kindText, "", essential, false, "The directory. A relative path is relative to the start directory.", "目录。相对路径相对于启动目录。"},
		{"sersync/localpath", "dotfiles", kindBoolean, "false", optional, true, "Sync files whose names begin with a dot in events too.", "事件同步也包括以点开头的文件。"},
		{"sersync/localpath", "allowroot", kindBoolean, "false", optional, true, "Permit watch=\"/\".", "允许 watch=\"/\"。"},
		{"sersync/localpath", "recreated", kindBoolean, "false", optional, true, "A program removes the directory and makes it anew, as a build does: a new one on the same file system is the same watch root, and deletions go on without --accept-empty.", "该目录会被程序删除并重新创建（例如每次构建）：同一文件系统上的新目录视为同一个监控目录，无需 --accept-empty 即可继续删除。"},
		{"sersync/localpath", "backend", kindText, "inotify", optional, true, "What watches the directory: inotify, a watch for each directory below it; fanotify, one mark for the file system, ready at once and without memory whatever the size of the tree (root, Linux 5.17 or newer, ext4, xfs, tmpfs or btrfs without subvolumes, createFolder on); auto, fanotify where it sees everything and either the directory is the root of its file system or the tree is large, else inotify.", "用什么监控该目录：inotify 为其下每个目录各设一个监视；fanotify 只在文件系统上设一个标记，立即就绪，内存占用与目录树大小无关（需要 root、Linux 5.17 及以上，文件系统为 ext4、xfs、tmpfs 或不含子卷的 btrfs，且 createFolder 开启）；auto 在 fanotify 能看到全部变更、并且该目录是其文件系统的根或目录树很大时用 fanotify，否则用 inotify。"},
		{"sersync/localpath/remote", "", kindNone, "", essential, false, "A target; any number.", "目标，可以有任意多个。"},
		{"sersync/localpath/remote", "ip", kindText, "", essential, false, "Host name or address.", "主机名或地址。"},
		{"sersync/localpath/remote", "name", kindText, "", essential, false, "rsync module, with a path in it if wanted; the path when ssh is on.", "rsync 模块名，可带子路径；启用 ssh 时为路径。"},
		{"sersync/localpath/remote", "user", kindText, inherited, optional, true, "User for this remote instead of auth/users.", "该远端的用户，代替 auth/users。"},
		{"sersync/localpath/remote", "passwordfile", kindText, inherited, optional, true, "Password file for this remote.", "该远端的密码文件。"},
		{"sersync/localpath/remote", "port", kindNumber, inherited, optional, true, "Port for this remote.", "该远端的端口。"},
		{"sersync/localpath/remote", "ssh", kindBoolean, inherited, optional, true, "ssh for this remote.", "该远端是否使用 ssh。"},
		{"sersync/localpath/remote", "params", kindText, inherited, optional, true, "rsync parameters for this remote instead of commonParams.", "该远端的 rsync 参数，代替 commonParams。"},
		{"sersync/localpath/remote", "timeout", kindNumber, inherited, optional, true, "rsync timeout in seconds for this remote.", "该远端的 rsync 超时秒数。"},
		{"sersync/localpath/remote", "tls", kindBoolean, "false", optional, true, "Connect to the rsync daemon through TLS; the port is then 874 unless one is given. 2.5.4 connects without TLS.", "通过 TLS 连接 rsync 守护进程；未指定端口时为 874。2.5.4 不使用 TLS。"},
		{"sersync/localpath/remote", "ca", kindText, "", optional, true, "tls: file with the certificate of the authority that signs the remote's; empty: the system's authorities.", "tls：签发远端证书的机构证书文件；空表示系统的机构。"},
		{"sersync/localpath/remote", "certificate", kindText, "", optional, true, "tls: file with this host's own certificate, where the remote asks for one.", "tls：本机证书文件，远端要求时使用。"},
		{"sersync/localpath/remote", "key", kindText, "", optional, true, "tls: file with the key of that certificate, not readable by others; empty: it is in the certificate's file.", "tls：该证书的密钥文件，其他用户不可读；空表示在证书文件中。"},
		{"sersync/localpath/remote", "servername", kindText, "", optional, true, "tls: the name in the remote's certificate; empty: that of ip.", "tls：远端证书中的名称；空表示与 ip 相同。"},
		{"sersync/localpath/remote/backup", "", kindNone, "", optional, true, "Keep on the remote what is replaced or deleted there.", "在远端保留被替换或删除的内容。"},
		{"sersync/localpath/remote/backup", "dir", kindText, "", requiredOn, true, "A name right below the destination. It is neither sent nor deleted.", "目标目录下的一个名称，既不发送也不删除。"},
		{"sersync/localpath/remote/backup", "keep", kindNumber, "30", optional, true, "For how many days with changes versions are kept; older days are deleted.", "保留多少个有变更的日期的版本；更早的删除。"},
		{"sersync/localpath/stream", "", kindNone, "", optional, true, "Publish what changes to a sersync-hub or a NATS cluster, for any number of edges; beside <remote> or instead of it.", "把变更发布到 sersync-hub 或 NATS 集群，供任意多个边缘节点接收；可与 <remote> 并用，也可代替它。"},
		{"sersync/localpath/stream", "name", kindText, "", requiredOn, true, "The tree's name, by which edges follow it: letters, digits, - and _. Each tree has one source.", "目录树的名称，边缘节点按此名称接收：字母、数字、- 和 _。每棵树只有一个源。"},
		{"sersync/localpath/stream", "url", kindText, "nats://127.0.0.1:4222", optional, true, "The hub, or the servers of a cluster with commas between them.", "hub 的地址；集群则用逗号分隔多台服务器。"},
		{"sersync/localpath/stream", "creds", kindText, "", requiredOn, true, "File with the source's key, not readable by others: source.nk of the hub, or a .creds file.", "源的密钥文件，其他用户不可读：hub 的 source.nk，或 .creds 文件。"},
		{"sersync/localpath/stream", "ca", kindText, "", optional, true, "File with the certificate of the authority that signs the hub's: the hub's ca.pem. With it nothing is sent without TLS; empty: the system's authorities.", "签发 hub 证书的机构证书文件（hub 的 ca.pem）。设置后不使用 TLS 就不发送；空表示系统的机构。"},
		{"sersync/localpath/stream", "keep", kindNumber, "168", optional, true, "Hours for which changes are kept. An edge that was away for longer compares its whole tree.", "变更保留的小时数。离线更久的边缘节点会比对整棵树。"},
		{"sersync/localpath/stream", "size", kindNumber, "1024", optional, true, "How many MiB of changes are kept at most; the oldest are removed first.", "最多保留多少 MiB 的变更；最旧的先删除。"},
		{"sersync/localpath/stream", "replicas", kindNumber, "1", optional, true, "Servers of a cluster that keep each change: 1, 3 or 5.", "集群中保存每个变更的服务器数：1、3 或 5。"},
	}
	t = append(t, busyDefinitions("sersync/localpath/remote", "Hours for this remote, instead of those of the localpath; any number.", "该远端的时段，代替 localpath 的时段；可以有任意多个。")...)
	return append(t, busyDefinitions("sersync/localpath", "Hours at which full syncs and large files wait or go slowly; any number. They hold for the remotes that have none of their own, and for no <stream>.",
		"全量同步和大文件在其中等待或限速的时段，可以有任意多个；适用于没有自己时段的远端，不适用于 <stream>。")...)
}

// busyDefinitions are <busy> in an element, with what it is for there.
func busyDefinitions(parent, en, zh string) []definition {
	path := parent + "/busy"
	return []definition{
		{path, "", kindNone, "", optional, true, en, zh},
		{path, "hours", kindText, "", requiredOn, true, "From when to when, HH:MM-HH:MM by this host's clock and time zone. Past midnight they belong to the day on which they begin.", "起止时间，格式 HH:MM-HH:MM，按本机时钟和时区；跨过午夜的时段属于开始的那一天。"},
		{path, "days", kindText, "mon-sun", optional, true, "Days of the week, such as mon-fri or sat,sun.", "星期几，例如 mon-fri 或 sat,sun。"},
		{path, "full", kindPace, "wait", optional, true, "Full syncs: wait until the hours are over, a number of KiB per second, or free. One that a person has asked for (-r, --resync) is never held.", "全量同步：wait 等到时段结束，数字为每秒最多 KiB 数，free 不限。用户要求的全量同步（-r、--resync）不受限制。"},
		{path, "large", kindPace, "wait", optional, true, "Large files: the same.", "大文件：同上。"},
		{path, "size", kindNumber, "100", optional, true, "Size in MiB from which on a file counts as large. Smaller files never wait.", "达到多少 MiB 算大文件；更小的文件从不等待。"},
	}
}

func rsyncDefinitions() []definition {
	return []definition{
		{"sersync/rsync", "", kindNone, "", required, false, "How rsync is run.", "如何运行 rsync。"},
		{"sersync/rsync", "path", kindText, "rsync", optional, true, "The rsync program.", "rsync 程序。"},
		{"sersync/rsync", "standby", kindBoolean, "true", optional, true, "Keep a connected rsync ready for each lane, so that a change arrives in milliseconds.", "为每条通道预先连接一个 rsync，使变更在毫秒内到达。"},
		{"sersync/rsync", "total", kindNumber, "64", optional, true, "How many rsync processes the whole program runs at most.", "整个程序最多的 rsync 进程数。"},
		{"sersync/rsync/commonParams", "", kindNone, "", required, false, "Parameters of every rsync.", "所有 rsync 的参数。"},
		{"sersync/rsync/commonParams", "params", kindText, "-artuz", required, false, "Split like a shell does, quotes and $VAR included; never executed.", "按 shell 规则拆分（引号和 $VAR 有效），但不会执行。"},
		{"sersync/rsync/auth", "", kindNone, "", required, false, "Login at the rsync daemon.", "rsync 守护进程的认证。"},
		{"sersync/rsync/auth", "start", kindBoolean, "false", required, false, "Use users and passwordfile.", "使用 users 和 passwordfile。"},
		{"sersync/rsync/auth", "users", kindText, "", requiredOn, false, "User; empty: none.", "用户名；空表示没有。"},
		{"sersync/rsync/auth", "passwordfile", kindText, "", requiredOn, false, "File that holds only the password, not readable by others; empty: none.", "只保存密码的文件，其他用户不可读；空表示没有。"},
		{"sersync/rsync/userDefinedPort", "", kindNone, "", required, false, "Port of the rsync daemons.", "rsync 守护进程的端口。"},
		{"sersync/rsync/userDefinedPort", "start", kindBoolean, "false", required, false, "Use port instead of 873.", "使用 port 代替 873。"},
		{"sersync/rsync/userDefinedPort", "port", kindNumber, "874", requiredOn, false, "The port.", "端口。"},
		{"sersync/rsync/timeout", "", kindNone, "", required, false, "I/O timeout of rsync.", "rsync 的读写超时。"},
		{"sersync/rsync/timeout", "start", kindBoolean, "false", required, false, "Use the timeout.", "使用超时。"},
		{"sersync/rsync/timeout", "time", kindNumber, "100", requiredOn, false, "Seconds.", "秒数。"},
		{"sersync/rsync/ssh", "", kindNone, "", required, false, "Transport.", "传输方式。"},
		{"sersync/rsync/ssh", "start", kindBoolean, "false", required, false, "ssh instead of an rsync daemon; name is then a path.", "使用 ssh 而不是 rsync 守护进程；此时 name 是路径。"},
	}
}

func scheduleDefinitions() []definition {
	return []definition{
		{"sersync/failLog", "", kindNone, "", required, false, "The script that lists what could not be sent.", "未能发送内容的脚本。"},
		{"sersync/failLog", "path", kindText, "/tmp/rsync_fail_log.sh", required, false, "File of the script, which is written and never executed. Empty: no script.", "脚本文件；只写入，从不执行。空表示没有。"},
		{"sersync/failLog", "timeToExecute", kindNumber, "60", required, false, "Minutes between attempts at what keeps failing; 0: every minute, empty: 120.", "对持续失败内容重试的分钟间隔；0 为每分钟，空为 120。"},
		{"sersync/crontab", "", kindNone, "", required, false, "Full sync at intervals.", "定时全量同步。"},
		{"sersync/crontab", "start", kindBoolean, "false", required, false, "Run it.", "启用。"},
		{"sersync/crontab", "schedule", kindNumber, "600", requiredOn, false, "Minutes; 0, negative or text: 600.", "分钟数；0、负数或文本按 600 处理。"},
		{"sersync/crontab", "cron", kindText, "", optional, true, "Five-field cron expression instead of schedule, such as 0 3 * * *.", "五字段 cron 表达式，代替 schedule，例如 0 3 * * *。"},
		{"sersync/crontab/crontabfilter", "", kindNone, "", requiredOn, false, "What full syncs leave out.", "全量同步时排除的内容。"},
		{"sersync/crontab/crontabfilter", "start", kindBoolean, "false", requiredOn, false, "Apply it; also to -r when crontab is on.", "启用；crontab 启用时也用于 -r。"},
		{"sersync/crontab/crontabfilter/exclude", "", kindNone, "", optional, false, "One pattern; any number.", "一个模式，可以有任意多个。"},
		{"sersync/crontab/crontabfilter/exclude", "expression", kindText, "", requiredOn, false, "rsync exclude pattern.", "rsync 排除模式。"},
		{"sersync/verify", "", kindNone, "", optional, true, "Scheduled comparisons with the remotes, as --verify makes them: one lane after the other, at the lowest priority for processor and disk.", "按计划与远端比对（同 --verify）：逐条通道进行，处理器和磁盘优先级最低。"},
		{"sersync/verify", "start", kindBoolean, "true", optional, true, "Run it.", "启用。"},
		{"sersync/verify", "schedule", kindNumber, "1440", optional, true, "Minutes between comparisons.", "间隔分钟数。"},
		{"sersync/verify", "cron", kindText, "", optional, true, "Five-field cron expression instead of schedule, such as 0 3 * * *.", "五字段 cron 表达式，代替 schedule，例如 0 3 * * *。"},
		{"sersync/verify", "repair", kindBoolean, "false", optional, true, "Send what differs. What only the remote has is deleted only where a full sync that was asked for has completed before.", "同步有差异的内容。只有目标才有的内容，仅在曾经完成过所要求的全量同步的通道上删除。"},
		{"sersync/verify", "contents", kindBoolean, "false", optional, true, "Also read files of equal size and time on both sides, and compare their contents.", "大小和时间相同的文件也在两端读取并比较内容。"},
		{"sersync/verify", "bwlimit", kindNumber, "0", optional, true, "How many KiB per second a comparison sends at most; 0: no limit.", "比对每秒最多发送的 KiB 数；0 表示不限。"},
		{"sersync/plugin", "", kindNone, "", required, false, "A plugin to run after each sync; any number (2.5.4: one).", "每次同步后运行的插件，可以有任意多个（2.5.4 只有一个）。"},
		{"sersync/plugin", "start", kindBoolean, "false", required, false, "Run it.", "启用。"},
		{"sersync/plugin", "name", kindText, "", requiredOn, false, "command, socket, http or refreshCDN.", "command、socket、http 或 refreshCDN。"},
		{"sersync/plugin", "when", kindText, "", optional, true, "all: only once every remote has the path; otherwise a failed remote does not hold it up.", "all：等所有远端都有该路径后才运行；否则失败的远端不影响运行。"},
	}
}

func extensionDefinitions() []definition {
	return []definition{
		{"log", "", kindNone, "", optional, true, "Where and how to log.", "日志的位置和格式。"},
		{"log", "file", kindText, "", optional, true, "Log file; empty: standard error.", "日志文件；空表示标准错误。"},
		{"log", "level", kindText, "info", optional, true, "debug, info, warn or error.", "debug、info、warn 或 error。"},
		{"log", "format", kindText, "console", optional, true, "console, json, logfmt or journal.", "console、json、logfmt 或 journal。"},
		{"log", "maxsize", kindNumber, "100", optional, true, "Rotate beyond this size in MB.", "超过该大小（MB）时轮转。"},
		{"log", "maxbackups", kindNumber, "5", optional, true, "Rotated files to keep.", "保留的轮转文件数。"},
		{"log", "maxage", kindNumber, "0", optional, true, "Days to keep them; 0: no limit.", "保留天数；0 表示不限。"},
		{"state", "", kindNone, "", optional, true, "What is kept over a restart.", "重启后保留的状态。"},
		{"state", "dir", kindText, "", optional, true, "Directory of the watermarks and locks; empty: the default of the user.", "同步位置和锁文件的目录；空表示该用户的默认目录。"},
		{"state", "pidfile", kindText, "", optional, true, "Pid file; empty: none.", "进程号文件；空表示没有。"},
	}
}
