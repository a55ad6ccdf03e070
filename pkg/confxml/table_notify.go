package confxml

func notifyDefinitions() []definition {
	return []definition{
		{"notify", "", kindNone, "", optional, true, "Who is told about trouble; any number, each with one webhook or command.", "出现问题时通知谁，可以有任意多个，每个包含一个 webhook 或 command。"},
		{"notify", "start", kindBoolean, "true", optional, true, "Use it.", "启用。"},
		{"notify", "name", kindText, "", optional, true, "Its name in the status and in the state that outlives a restart; needed with more than one.", "在状态和持久状态中的名称；有多个时必须填写。"},
		{"notify", "events", kindText, "lane brake verify", optional, true, "What is told: lane (the level of a lane has changed), brake (deletions are held, or the directory is gone), verify (a verification found differences or failed).", "通知哪些事件：lane（通道级别变化）、brake（暂停删除，或目录消失）、verify（比对发现差异或失败）。"},
		{"notify", "level", kindText, "failing", optional, true, "The lowest level of a lane that counts as trouble: lagging or failing.", "通道达到哪个级别才算问题：lagging 或 failing。"},
		{"notify", "after", kindDuration, "1m", optional, true, "How long a level has to last before it is told; its end is told after the same time.", "级别持续多久后才通知；恢复也要持续这么久才通知。"},
		{"notify", "repeat", kindDuration, "4h", optional, true, "How often a trouble that lasts is told again; 0: never.", "问题持续时重复通知的间隔；0 表示不重复。"},
		{"notify", "lang", kindText, "en", optional, true, "Language of the messages: en or zh.", "消息语言：en 或 zh。"},
		{"notify/webhook", "", kindNone, "", optional, true, "A web address that gets each message by POST.", "以 POST 接收每条消息的网址。"},
		{"notify/webhook", "url", kindText, "", optional, true, "The address.", "网址。"},
		{"notify/webhook", "urlfile", kindText, "", optional, true, "File that holds the address, not readable by others: the address of a chat robot is a secret.", "保存网址的文件，其他用户不可读：聊天机器人的网址是机密。"},
		{"notify/webhook", "template", kindText, "", optional, true, "File that makes the body (Go text/template); empty: the message as JSON.", "生成请求体的模板文件（Go text/template）；空表示直接发送消息的 JSON。"},
		{"notify/webhook", "contenttype", kindText, "application/json", optional, true, "Content-Type. With application/json the body has to be JSON.", "Content-Type。为 application/json 时请求体必须是 JSON。"},
		{"notify/webhook", "answer", kindText, "errcode code", optional, true, "Fields of a JSON answer that hold 0 (or 200) with success; chat robots answer 200 OK to what they reject.", "JSON 应答中成功时为 0（或 200）的字段；聊天机器人拒绝消息时也回答 200 OK。"},
		{"notify/webhook", "tokenfile", kindText, "", optional, true, "File with a bearer token, not readable by others.", "保存 Bearer 令牌的文件，其他用户不可读。"},
		{"notify/webhook", "tokenheader", kindText, "", optional, true, "Header that carries the token alone, instead of Authorization.", "单独携带令牌的请求头，代替 Authorization。"},
		{"notify/webhook", "cafile", kindText, "", optional, true, "File with the certificates of authorities that sign the receiver's; empty: the system's.", "签发接收方证书的 CA 文件；空为系统证书。"},
		{"notify/webhook", "timeout", kindDuration, "10s", optional, true, "Time limit of one request.", "每个请求的时限。"},
		{"notify/command", "", kindNone, "", optional, true, "A command that is run for each message.", "为每条消息运行的命令。"},
		{"notify/command", "run", kindText, "", optional, true, "The words of the command, split like a shell does; no shell runs it.", "命令及其参数，按 shell 规则拆分，但不由 shell 执行。"},
		{"notify/command", "input", kindText, "env", optional, true, "env: the message in variables SERSYNC_TEXT and others; json: as JSON on standard input.", "env：消息放在 SERSYNC_TEXT 等环境变量中；json：以 JSON 写到标准输入。"},
		{"notify/command", "timeout", kindDuration, "1m", optional, true, "After this time the command and its children are ended.", "超时后结束命令及其子进程。"},
	}
}
