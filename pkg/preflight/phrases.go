package preflight

// The texts, each in English and in Chinese.

var verdictWords = [...]phrase{Good: {"ok", "正常"}, Remark: {"note", "提示"}, Doubt: {"warning", "警告"}, Wrong: {"error", "错误"}}

var topicWords = [topicCount]phrase{
	TopicRsync: {"rsync", "rsync"}, TopicLimits: {"limits", "内核限制"}, TopicTree: {"tree", "目录"}, TopicServed: {"served", "占用"},
	TopicName: {"name", "主机名"}, TopicPort: {"port", "端口"}, TopicTLS: {"TLS", "TLS"}, TopicHostKey: {"host key", "主机密钥"}, TopicKey: {"key", "密钥"},
	TopicRelease: {"release", "版本"}, TopicModule: {"module", "模块"}, TopicAccess: {"access", "访问"}, TopicLogin: {"login", "认证"},
	TopicDirectory: {"directory", "目录"}, TopicDelete: {"delete", "删除"}, TopicWrite: {"write", "写入"}, TopicTimes: {"times", "时间"},
	TopicVersions: {"versions", "旧版本"}, TopicOptions: {"options", "选项"}, TopicStream: {"stream", "流"}, TopicRoom: {"room", "空间"},
}

// The frame of the report.
var (
	wordHost        = phrase{"this host", "本机"}.of()
	wordWatched     = phrase{"watched: %s", "监控目录：%s"}
	wordLane        = phrase{"lane %d: %s -> %s", "通道 %d：%s -> %s"}
	wordThen        = phrase{"; %s", "；%s"}
	wordBracket     = phrase{" (%s)", "（%s）"}
	wordInterrupted = phrase{"interrupted: the rest was not tried", "已中断：其余未检测"}.of()
	wordLanesWrong  = phrase{"not ready: %d of %d lanes would not work, see the errors above", "未就绪：%d 条通道不可用（共 %d 条），见上面的错误"}
	wordHostWrong   = phrase{"not ready: see the errors above", "未就绪：见上面的错误"}.of()
	wordNothing     = phrase{"no lane could be tried", "没有可检测的通道"}.of()
	wordLanesGood   = phrase{"ready: lanes tried: %d", "就绪：已检测 %d 条通道"}
	leftThere       = phrase{"the probe %s could not be deleted in %s; delete it there by hand", "探测文件 %s 未能从 %s 删除；请在远端手动删除"}
)

// This host and the watch roots.
var (
	clientIs       = phrase{"rsync %s", "rsync %s"}
	clientUnknown  = phrase{"the version of %s is not known", "无法识别 %s 的版本"}
	clientMissing  = phrase{"cannot run %s: %s", "无法运行 %s：%s"}
	installClient  = phrase{"install rsync on this host, or name it in <rsync path=\"...\">", "在本机安装 rsync，或用 <rsync path=\"...\"> 指定其路径"}.of()
	watchesSuffice = phrase{"directories: %s; free inotify watches: %s of %s", "目录数：%s；可用 inotify 监控数：%s（上限 %s）"}
	watchesRaised  = phrase{"directories: %s; max_user_watches is %s, and a start by root raises it", "目录数：%s；max_user_watches 为 %s，以 root 启动时会自动提高"}
	watchesLack    = phrase{"directories: %s; free inotify watches: %s of %s, so that the other directories would be covered by rescans alone", "目录数：%s；可用 inotify 监控数：%s（上限 %s），其余目录只能靠定期扫描"}
	raiseLimit     = phrase{"as root: sysctl -w fs.inotify.%s=%d, and the same line in /etc/sysctl.d/60-sersync.conf", "以 root 执行 sysctl -w fs.inotify.%s=%d，并写入 /etc/sysctl.d/60-sersync.conf"}
	instancesLack  = phrase{"this user has %d of %d inotify instances in use, and %d more are needed", "当前用户已使用 %d 个 inotify 实例（上限 %d），还需要 %d 个"}
	limitUnknown   = phrase{"the kernel's inotify limits cannot be read: %s", "无法读取内核的 inotify 限制：%s"}
	atLeast        = phrase{"more than %d", "超过 %d"}
	exactly        = phrase{"%d", "%d"}
	treeCounted    = phrase{"directories: %d", "目录数：%d"}
	treeLarge      = phrase{"directories: more than %d, counting was given up after %s", "目录数：超过 %d，计数 %s 后停止"}
	treeUnreadable = phrase{"cannot be read: %s", "无法读取：%s"}
	letRead        = phrase{"let the user that runs sersync read it", "让运行 sersync 的用户可读"}.of()
	servedByUs     = phrase{"sersync (pid %d) serves it to %s now", "sersync（pid %d）正在同步到 %s"}
	servedByOther  = phrase{"%s (pid %d, %s) watches it", "%s（pid %d，%s）正在监控该目录"}
	stopOther      = phrase{"stop it before sersync is started: two programs would mirror the same tree", "启动 sersync 之前先停止它：否则两个程序会同步同一目录"}.of()
	servedByNone   = phrase{"no other program that mirrors trees watches it", "没有其他同步程序在监控该目录"}.of()
	servedUnknown  = phrase{"no program of this user that mirrors trees watches it; those of other users are seen by root alone", "当前用户没有其他同步程序在监控该目录；其他用户的进程只有 root 可见"}.of()
)

// A remote on the way to it.
var (
	nameIs         = phrase{"%s is %s", "%s 解析为 %s"}
	nameIsAddress  = phrase{"%s is an address", "%s 是 IP 地址"}
	nameFails      = phrase{"%s cannot be resolved: %s", "无法解析 %s：%s"}
	portOpen       = phrase{"%s is open", "%s 已开放"}
	portSecured    = phrase{"%s is open, %s, its certificate ends on %s", "%s 已开放，%s，证书到期日 %s"}
	portFails      = phrase{"%s: %s", "%s：%s"}
	ownWay         = phrase{"not tried: rsync connects in a way of its own (%s)", "未检测：rsync 使用自己的连接方式（%s）"}
	releaseIs      = phrase{"%s", "%s"}
	releaseSilent  = phrase{"%s accepts the connection and says nothing: %s", "%s 接受连接但没有任何回应：%s"}
	releaseOther   = phrase{"%s is no rsync daemon, it says %q", "%s 不是 rsync 守护进程，它返回 %q"}
	correctPort    = phrase{"correct ip= or port= of <remote>, or start the rsync daemon there", "更正 <remote> 的 ip= 或 port=，或在远端启动 rsync 守护进程"}.of()
	lookAtDaemon   = phrase{"see whether the rsync daemon on %s is frozen", "检查 %s 上的 rsync 守护进程是否卡死"}
	releaseUnknown = phrase{"the remote's rsync does not tell its version", "远端 rsync 没有给出版本"}.of()
	hostKeyKnown   = phrase{"the host key of %s is known", "已认识 %s 的主机密钥"}
	keyTaken       = phrase{"%s lets this user in", "%s 接受本用户的密钥"}
	moduleThere    = phrase{"[%s] is there", "模块 [%s] 存在"}
	accessGiven    = phrase{"this host is let in", "允许本机访问"}.of()
	loginTaken     = phrase{"%s is let in with the password in %s", "%s 使用 %s 中的密码认证成功"}
	loginNone      = phrase{"no user is configured, and the remote asks for none", "未配置用户，远端也不要求认证"}.of()
	loginUser      = phrase{"%s is let in", "%s 认证成功"}
	directoryThere = phrase{"files go to %s", "文件将写入 %s"}
	directoryNot   = phrase{"%s does not exist yet; the first run makes it, so no probe was written", "%s 尚不存在，首次同步时会建立，因此未做写入检测"}
	directoryDeep  = phrase{"%s does not exist, nor does the directory above it", "%s 不存在，其上级目录也不存在"}
	makeDirectory  = phrase{"create it on %s", "在 %s 上创建该目录"}
	deleteCan      = phrase{"deletions are allowed", "允许删除"}.of()
	deleteUnwanted = phrase{"deletions are allowed; <delete start=\"false\"/> makes none, and only the probe was deleted", "允许删除；<delete start=\"false\"/> 不做删除，只删除了探测文件"}.of()
	deleteRefused  = phrase{"the daemon refuses deletions: what is deleted here stays there", "远端守护进程拒绝删除：本机删除的文件会留在远端"}.of()
	deleteNoNeed   = phrase{"the daemon refuses deletions; <delete start=\"false\"/> makes none", "远端守护进程拒绝删除；<delete start=\"false\"/> 也不做删除"}.of()
	writeDone      = phrase{"a probe was written, looked at and deleted again", "探测文件已写入、读回并删除"}.of()
	writeUnseen    = phrase{"a probe was written and deleted again; the module is write only, so that it could not be looked at", "探测文件已写入并删除；该模块只写，无法读回"}.of()
	writeNotTried  = phrase{"not tried, for a probe could not be deleted again; the remote accepts a run that changes nothing", "未检测：探测文件无法删除；不做改动的试运行可以通过"}.of()
	writeExcluded  = phrase{"not shown: the remote's own configuration excludes names like that of the probe (%s)", "无法确认：远端自身的配置排除了探测文件这类名称（%s）"}
	writeLost      = phrase{"a probe was written without a complaint, but it is not there", "探测文件写入时没有报错，但远端没有该文件"}.of()
	removesThere   = phrase{"find out what removes new files on %s", "检查 %s 上是什么删除了新文件"}
	tookTooLong    = phrase{"no answer within %s", "%s 内没有回应"}
	clocksAgree    = phrase{"the clocks agree", "两端时钟一致"}.of()
	clockAhead     = phrase{"the remote's clock is %s ahead", "远端时钟快 %s"}
	clockBehind    = phrase{"the remote's clock is %s behind", "远端时钟慢 %s"}
	setClocks      = phrase{"set both clocks by NTP: with -u a file that was changed there seems newer or older than it is", "两端都用 NTP 校时：使用 -u 时，远端改过的文件看起来会比实际更新或更旧"}.of()
	clockUnknown   = phrase{"the remote's clock could not be read", "无法得知远端时钟"}.of()
	grainNano      = phrase{"times of files are kept to the nanosecond", "文件时间精确到纳秒"}.of()
	grainSecond    = phrase{"times of files are kept to the second: sersync compares by that", "文件时间只精确到秒：sersync 按秒比较"}.of()
	grainTwo       = phrase{"times of files are kept to two seconds (FAT): sersync compares by that", "文件时间只精确到两秒（FAT）：sersync 按此比较"}.of()
	grainNot       = phrase{"the time that was set on the probe is not kept: files are sent again at each full sync", "为探测文件设置的时间没有保留：每次全量同步都会重新发送文件"}.of()
	grainNotSent   = phrase{"params= holds no -t, so that times of files are not sent", "params= 中没有 -t，不传送文件时间"}.of()
	allowTimes     = phrase{"let the user of the module own its files, or put them on a file system that keeps times", "让该模块的用户拥有文件，或使用能保存时间的文件系统"}.of()
	versionsCan    = phrase{"old versions can be kept in %s", "旧版本可以保存到 %s"}
	versionsLater  = phrase{"%s does not exist yet; the run that keeps the first old version makes it", "%s 尚不存在，首次保存旧版本时会建立"}
	versionsUnseen = phrase{"not tried: the module is write only, and shows no %s", "未检测：该模块只写，无法查看 %s"}
	optionsTaken   = phrase{"the remote accepts all options", "远端接受所有选项"}.of()
	optionsWithout = phrase{"options that the remote's rsync does not accept are not used: %s", "远端 rsync 不支持的选项改用其他方式：%s"}
	installSSH     = phrase{"install ssh on this host", "在本机安装 ssh"}.of()
)

// A hub on the way to it.
var (
	correctURL    = phrase{"correct url= of <stream>, or let this host resolve the name", "更正 <stream> 的 url=，或让本机能解析该名称"}.of()
	startHub      = phrase{"start sersync-hub there, or correct url= of <stream>", "在该处启动 sersync-hub，或更正 <stream> 的 url="}.of()
	hubOther      = phrase{"%s is no NATS server, it says %q", "%s 不是 NATS 服务器，它返回 %q"}
	tlsNone       = phrase{"none: whoever controls a network on the way can read what is published", "未使用：控制途中网络的人能读到发布的内容"}.of()
	tlsUntil      = phrase{"%s, the hub's certificate ends on %s", "%s，hub 的证书到期日 %s"}
	hubTakesKey   = phrase{"the hub accepts the key in %s", "hub 接受 %s 中的密钥"}
	streamThere   = phrase{"the stream exists and fits; messages: %d", "流已存在且符合要求；消息数：%d"}
	streamMade    = phrase{"the stream does not exist yet, but can be made: one like it was made and removed again", "流尚不存在，可以创建：已试建同样的流并删除"}.of()
	streamUntried = phrase{"the stream does not exist yet, and whether it can be made could not be tried", "流尚不存在，无法检测能否创建"}.of()
	allowStreams  = phrase{"let the key make streams whose names begin with SERSYNC-, or make the stream beforehand", "允许该密钥创建名称以 SERSYNC- 开头的流，或预先创建该流"}.of()
	roomTaken     = phrase{"%d MiB of %d are in use", "已使用 %d MiB（上限 %d MiB）"}
	roomThere     = phrase{"there is room for %d MiB", "有 %d MiB 的空间可用"}
)

// Where lines that mend something go.
var (
	intoConf     = phrase{"in rsyncd.conf on %s:", "%s 上的 rsyncd.conf："}
	intoSecrets  = phrase{"in %s on %s, mode 600, with the password that %s holds:", "%[2]s 上的 %[1]s（权限 600），密码与 %[3]s 中的相同："}
	intoPassword = phrase{"in %s on this host, mode 600, the password alone:", "本机的 %s（权限 600），只写密码："}
)
