package words

// pluginErrors is what --check says about the elements of plugins, in English and in
// Chinese; see check.
var pluginErrors = [][2]string{
	{"write for example {1}", "例如写成 {1}"},
	{"{1} is not a port", "{1} 不是端口"},
	{"write a number from {1} to {2}", "写 {1} 到 {2} 之间的数"},
	{"{1} is not usable", "{1} 不可用"},
	{"{1} is not a time", "{1} 不是时间"},
	{"{1} is not known", "{1} 未知"},
	{"is not known", "未知"},
	{"write one of: {1}", "写其中之一：{1}"},
	{"is not known and has no effect", "未知，不起作用"},
	{"correct its name or remove it", "更正名称，或删除它"},
	{"there is no <plugin name={1}> element below <head>", "<head> 下没有 <plugin name={1}> 元素"},
	{"add it (docs/plugins.md shows it)", "添加它（写法见 docs/plugins.md）"},
	{"add it, or remove ack", "添加它，或删除 ack"},
	{"add it", "添加它"},
	{"format {1} carries one path per request", "格式 {1} 每个请求只含一个路径"},
	{`add format="json", or remove batch`, `添加 format="json"，或删除 batch`},
	{"has no effect without tokenfile", "没有 tokenfile 时不起作用"},
	{`works with keepalive="true" only`, `只有 keepalive="true" 时才起作用`},
	{"is longer than the 107 bytes that a Unix socket's name may have (unix(7))", "超过 Unix 套接字名称的上限 107 字节（unix(7)）"},
	{"use a shorter path", "使用更短的路径"},
	{"{1} is neither an address nor a host name", "{1} 既不是地址，也不是主机名"},
	{"{1} is not a host name", "{1} 不是主机名"},
	{`write it without "http://" and path`, `不要写 "http://" 和路径`},
	{"holds no word", "其中没有单词"},
	{"{1} is not a regular expression: {2}", "{1} 不是正则表达式：{2}"},
	{`correct it, or write regex="false"`, `更正它，或写 regex="false"`},
	{`correct it, or write filter start="false"`, `更正它，或写 filter start="false"`},
	{"holds a control character", "含有控制字符"},
}
