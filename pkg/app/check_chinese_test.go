package app

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestCheckInChinese: in a Chinese locale no sentence of the report is left in English, whatever is
// wrong with the file.
func TestCheckInChinese(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "confxml.xml")
	text := `<?xml version="1.0" encoding="ISO-8859-1"?>
<head version="2.5">
    <host hostip="localhost" port="eighty"/>
    <debug start="maybe"/>
    <filter start="true"><exclude expression="*.log"/></filter>
    <inotify><delete start="true"/></inotify>
    <strange/>
    <notify name="a"><webhook url="ftp://x"/></notify>
    <notify name="b"><command run="` + dir + `/none"/></notify>
    <sersync>
	<localpath watch="` + dir + `/none">
	    <remote ip="10.0.0.1,10.0.0.2" name="m"/>
	    <remote ip="127.0.0.1" name="/srv/data"/>
	    <remote ip="127.0.0.1" name="x" tls="yes"/>
	    <remote ip="127.0.0.1" name="busy"><busy hours="22:00-06:00" days="fri" large="500"/><busy hours="8-9" full="70" large="free"/></remote>
	    <busy hours="all"/>
	    <remote ip="127.0.0.1" name="y" tls="true" ca="` + dir + `/none.pem"/>
	    <stream name="a b" url="http://x" creds="` + dir + `/none" replicas="2"/>
	    <stream name="c"/>
	    <stream name="d" creds="` + dir + `/open"/>
	</localpath>
	<verify cron="61 * * * *"/>
	<rsync><commonParams params="-artuz"/><auth start="true" users="u" passwordfile="` + dir + `/pas"/></rsync>
	<crontab start="true" schedule="often"/>
    </sersync>
</head>
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "open"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	conf, err := confxml.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	report := check(t.Context(), conf, true, nil)
	report.Say = inChinese
	var out strings.Builder
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"错误: ", "不是单个主机", "不存在; 创建它，或更正路径", "未知元素", "目前无法使用：请见以上错误", "每 600 分钟全量同步一次", "没有 TLS 就不发送", "TLS 所用的文件不可用", "不是网址：不会通知任何人", "安装该程序，或更正其名称", "\"all\" 不是时段：忽略该 <busy>", "22:00-06:00 fri ", "全量同步等待; 不小于 100 MiB 的文件每秒最多发送 500 KiB", "全量同步每秒最多发送 70 KiB",
		"\"a b\" 不能作为目录树的名称", "\"http://x\" 不是 NATS 服务器的地址", "2 不是 1、3、5 之一：取 1", "（文件不存在）", "（其他用户可以访问它，权限为 0644）", "没有密钥，hub 不允许发布", "表示每天三点"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	english := regexp.MustCompile(`\b(is|are|the|write|missing|unknown|add)\b [a-z]`)
	for line := range strings.SplitSeq(out.String(), "\n") {
		if !strings.HasPrefix(line, "    ") && english.MatchString(line) {
			t.Errorf("in English: %s", line)
		}
	}
}
