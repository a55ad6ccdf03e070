package setup

import (
	"fmt"
	"path"
	"strings"
)

// phrase is a text in both languages.
type phrase struct{ en, zh string }

var (
	askDir      = phrase{"Directory to mirror", "要同步的目录"}
	askTarget   = phrase{"Target (HOST::MODULE of an rsync daemon, or HOST:/PATH over ssh)", "目标（rsync 守护进程写 主机::模块，ssh 写 主机:/路径）"}
	askUser     = phrase{"User of the module (empty: none)", "模块的用户名（空表示没有）"}
	askSSHUser  = phrase{"User on the other side (empty: as ssh has it)", "对端用户名（空表示使用 ssh 的默认用户）"}
	askPassword = phrase{"Password of %s (empty: a new one is made)", "%s 的密码（空表示自动生成）"}
	askReplace  = phrase{"%s exists. Replace it? The old one is kept as %s [y/N]", "%s 已存在。要替换吗？旧文件保留为 %s [y/N]"}

	otherDaemon = phrase{"The other side, %s, needs an rsync daemon with this in its rsyncd.conf:", "对端 %s 需要运行 rsync 守护进程，其 rsyncd.conf 中需要："}
	otherSecret = phrase{"and this line in /etc/rsyncd.secrets there, mode 600:", "以及 /etc/rsyncd.secrets（权限 600）中的这一行："}
	otherSSH    = phrase{"The other side, %s, needs rsync, the directory, and the key of the user that runs sersync here:", "对端 %s 需要安装 rsync、建立目录，并接受本机运行 sersync 的用户的密钥："}
	anyPath     = phrase{"any directory that exists", "任一已存在的目录"}
)

func (p phrase) in(chinese bool, args ...any) string {
	text := p.en
	if chinese {
		text = p.zh
	}
	return fmt.Sprintf(text, args...)
}

// OtherSide is what the other side needs, for people. password is that of the user; empty: it is
// not known, and the text has PASSWORD in its place. from is the address of this host, empty for
// unknown.
func (s *Site) OtherSide(chinese bool, password, from string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if s.SSH {
		login := s.Host
		if s.User != "" {
			login = s.User + "@" + s.Host
		}
		line("%s\n", otherSSH.in(chinese, s.Host))
		line("    ssh-keygen -t ed25519 -N '' -f ~/.ssh/id_ed25519")
		line("    ssh-copy-id %s", login)
		line("    ssh %s mkdir -p %s", login, s.Name)
		return b.String()
	}
	line("%s\n", otherDaemon.in(chinese, s.Host))
	line("    uid = root\n    gid = root\n    use chroot = yes\n    max connections = 0\n")
	line("    [%s]", s.Module())
	line("    # %s", anyPath.in(chinese))
	line("    path = %s", path.Join("/data", s.Module()))
	line("    read only = no")
	if from != "" {
		line("    hosts allow = %s", from)
	}
	if !s.NeedsPassword() {
		return b.String()
	}
	if password == "" {
		password = "PASSWORD"
	}
	line("    auth users = %s\n    secrets file = /etc/rsyncd.secrets\n", s.User)
	line("%s\n", otherSecret.in(chinese))
	line("    %s:%s", s.User, password)
	return b.String()
}

var (
	wrote = phrase{"written: %s, mode %s", "已写入：%s，权限 %s"}
	start = phrase{"Start it", "启动"}
	again = phrase{"When the other side is ready", "对端就绪后执行"}
)

// Wrote says that a file was written with a mode.
func Wrote(chinese bool, file, mode string) string { return wrote.in(chinese, file, mode) }

// Start stands before the command that starts the sync.
func Start(chinese bool) string { return start.in(chinese) }

// Again stands before the command that tries the configuration once more.
func Again(chinese bool) string { return again.in(chinese) }
