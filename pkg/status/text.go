package status

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Lang is the language of a rendering.
type Lang int

// The languages.
const (
	English Lang = iota
	Chinese
)

// wordsIn are the fixed words of the table in a language; a missing word stays
// English.
func wordsIn(lang Lang) map[string]string {
	if lang != Chinese {
		return nil
	}
	return chineseWords()
}

var chineseWords = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"in-sync": "已同步", "syncing": "同步中", "full-sync": "全量同步",
		"backing-off": "重试等待", "degraded": "降级", "paused": "已暂停",
		"starting": "启动中", "watched": "监控中", "gone": "已消失", "braked": "已暂停删除（保护）",
		"in sync": "已同步", "lagging": "滞后", "failing": "故障", "not running": "未运行",
		"STATE": "状态", "PENDING": "待同步", "LAG": "滞后", "LAST SUCCESS": "上次成功",
		"P50/P95": "P50/P95", "NO": "序号", "LANE": "通道", "ago": "前", "directories": "个目录",
		"never": "从未", "up": "已运行", "next try in": "下次重试", "about to end in": "预计剩余", "until": "直到", "remedy": "处理",
		"recent failures": "最近的失败", "recent transfers": "最近的传输",
		"watches": "监控数", "of": "/", "overflows": "溢出", "uncovered": "未监控", "plugin": "插件", "note": "注意",
		"pending": "待处理", "delivered": "已送达", "dropped": "已丢弃", "failed attempts": "失败次数",
		"new files are still being written": "个新文件仍在写入，关闭后发送",
		"failing paths":                     "条路径失败", "exit": "退出码",
		"verified": "比对于", "no difference": "无差异", "differing": "条不同", "newer on the remote": "个文件在远端更新", "only on the remote": "仅远端有",
		"repaired as far as the lane may": "在通道权限内修复",
		"sent":                            "发送", "deleted": "删除", "errors in the configuration": "配置中的错误", "line %d": "第 %d 行",
		"errors in the configuration: %d, the first in line %d (%s)": "配置中有 %d 处错误，第一处在第 %d 行（%s）",
		"known extras": "%s 项仅远端有", "known newer": "%s 个文件在远端更新", "known differing": "%s 条路径经比对与远端不同",
		": ": "：", "; ": "；", ", ": "，", "%s: %s": "%s：%s", "%s to %s": "%s 到 %s", "and %d more": "另有 %d 项",
		"%d directories have no watch and are covered by rescans": "%d 个目录未被监控，由定期扫描覆盖",
		"in sync, %d changes on their way":                        "已同步，%d 项变更正在传输",
		"everything is in sync":                                   "全部已同步",
		"new files that are still being written: %d":              "仍在写入的新文件：%d",
		"%s: %d paths fail":                                       "%s：%d 条路径失败",
		"%s: %d changes wait, the oldest for %s":                  "%s：%d 项变更待同步，最久已等待%s",
		"plugin %s: %d events wait, the oldest for %s":            "插件 %s：%d 项待处理，最久已等待%s",
		"%s: %d of %d edges are in trouble or silent":             "%s：%d 个边缘节点有故障或没有消息（共 %d 个）",
		"edges": "边缘节点", "no edge has reported yet": "尚无边缘节点报告", "edge in-sync": "已同步", "edge behind": "落后", "edge comparing": "正在比对",
		"edge trouble": "有故障", "edge silent": "没有消息", "for %s": "已 %s", "heard": "报告于",
		"remote has": "远端为",
		"excluded by the remote's own configuration":       "条路径被远端自身的配置排除",
		"times compared by the second":                     "按秒比较时间",
		"deletions by patterns":                            "用匹配规则删除",
		"contents not compared":                            "不比较内容",
		"the remote cannot be asked what it has":           "无法查看远端已有内容",
		"no deletions":                                     "不能删除",
		"rsync before 3.0":                                 "rsync 3.0 之前的版本",
		"rsync 3.1.0 to 3.2.6":                             "rsync 3.1.0 至 3.2.6",
		"rsync 3.2.7 or 3.3":                               "rsync 3.2.7 或 3.3",
		"rsync 3.4 or newer, or with its security patches": "rsync 3.4 或更新，或带有其安全补丁的版本",
		Extras.Remedy():                                    "执行 sersync --resync 通道，在远端删除它们；其中若有其他来源放入的内容，请先移走",
		Newer.Remedy():                                     "在本机 touch 这些文件即可发送，或把远端的文件复制到本机",
		Differing.Remedy():                                 "执行 sersync --resync 通道，重新发送",
	}
})

// Span is a duration for people: the two largest units, or tenths of a second
// below ten seconds.
func Span(d time.Duration, lang Lang) string {
	unit := [...]string{"d", "h", "min", "s", "ms"}
	sep := " "
	if lang == Chinese {
		unit = [...]string{"天", "小时", "分", "秒", "毫秒"}
		sep = ""
	}
	pair := func(a int64, ua string, b int64, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s%s", a, sep, ua)
		}
		return fmt.Sprintf("%d%s%s%s%d%s%s", a, sep, ua, sep, b, sep, ub)
	}
	secs := int64(d / time.Second)
	switch {
	case d < 0:
		return Span(0, lang)
	case d < time.Second:
		return fmt.Sprintf("%d%s%s", d.Milliseconds(), sep, unit[4])
	case secs < 10:
		return fmt.Sprintf("%.1f%s%s", d.Seconds(), sep, unit[3])
	case secs < 60:
		return fmt.Sprintf("%d%s%s", secs, sep, unit[3])
	case secs < 3600:
		return pair(secs/60, unit[2], secs%60, unit[3])
	case secs < 86400:
		return pair(secs/3600, unit[1], secs%3600/60, unit[2])
	default:
		return pair(secs/86400, unit[0], secs%86400/3600, unit[1])
	}
}

// Moment is a time of the coming days for people, by this host's clock.
func Moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// count groups digits by threes.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Size is bytes in binary units.
func Size(n int64) string { return size(n) }

// size is bytes in binary units.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, u := float64(n)/1024, 0
	for f >= 1000 && u < len(units)-1 {
		f /= 1024
		u++
	}
	return fmt.Sprintf("%.1f %ciB", f, units[u])
}

// width is how many columns a printable text takes on a terminal: two for a
// wide East Asian character.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if wide(r) {
			n++
		}
	}
	return n
}

// wide covers the blocks that Unicode Standard Annex 11 calls wide and that
// occur in names and in our own words.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd
}

// clip shortens a printable text to limit columns, its end kept: the end of a
// path tells more than its beginning.
func clip(s string, limit int) string {
	if limit < 2 || width(s) <= limit {
		return s
	}
	for len(s) > 0 && width(s) > limit-3 {
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	return "..." + s
}

// pad fills a printable text up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-width(s)))
}
