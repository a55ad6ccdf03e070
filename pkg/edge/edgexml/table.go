package edgexml

import (
	"fmt"
	"slices"
	"strings"
)

// attribute is one attribute of an element.
type attribute struct {
	name, fallback string
	required       bool
	choices        []string
	en, zh         string
}

// element is one element at its place.
type element struct {
	path       string // below <edge>; "edge" is the root
	repeated   bool
	attributes []attribute
}

var yesNo = []string{"true", "false"}

// elements are all that edge.xml may hold, plugins aside, whose elements are those of
// confxml.xml.
var elements = []element{
	{path: "edge", attributes: []attribute{
		{name: "name", required: true, en: "The name under which this edge reports, and which other edges write in `mirror`. Letters, digits, `-` and `_`.", zh: "本边缘节点的名称：节点以此名称报告，其他节点在 `mirror` 中引用它。可用字母、数字、`-` 和 `_`。"},
	}},
	{path: "stream", attributes: []attribute{
		{name: "url", required: true, en: "The hub or the NATS servers, for example `tls://hub:4222`; several are separated by commas.", zh: "hub 或 NATS 服务器的地址，例如 `tls://hub:4222`；多个地址用逗号分隔。"},
		{name: "creds", required: true, en: "File with this edge's key, as `sersync-hub add-edge` prints it; mode 600.", zh: "本节点的密钥文件，由 `sersync-hub add-edge` 输出；权限 600。"},
		{name: "ca", en: "File with the certificate of the authority that has signed the hub's certificate; without it the system's authorities count.", zh: "签发 hub 证书的 CA 证书文件；不写则使用系统 CA。"},
	}},
	{path: "state", attributes: []attribute{
		{name: "dir", fallback: "/var/lib/sersync-edge", en: "Directory in which the edge remembers what it has applied. It must survive a restart.", zh: "记录已应用位置的目录，重启后必须保留。"},
	}},
	{path: "status", attributes: []attribute{
		{name: "socket", fallback: "/run/sersync-edge/socket", en: "Unix socket that `--status` asks.", zh: "`--status` 查询所用的 Unix 套接字。"},
		{name: "listen", en: "Address for `/metrics`, `/healthz` and `/status`, for example `127.0.0.1:8011`; without it nothing listens.", zh: "`/metrics`、`/healthz` 和 `/status` 的监听地址，例如 `127.0.0.1:8011`；不写则不监听。"},
	}},
	{path: "log", attributes: []attribute{
		{name: "file", en: "Log file; without it standard error.", zh: "日志文件；不写则输出到标准错误。"},
		{name: "level", fallback: "info", choices: []string{"debug", "info", "warn", "error"}, en: "Lowest level of the entries that are written.", zh: "日志级别。"},
		{name: "format", fallback: "console", choices: []string{"console", "json", "logfmt", "journal"}, en: "The form of an entry.", zh: "日志格式。"},
	}},
	{path: "tree", repeated: true, attributes: []attribute{
		{name: "name", required: true, en: "The tree to follow, as the source names it in `<stream name>`.", zh: "要跟随的目录树，即源端 `<stream name>` 中的名称。"},
		{name: "dir", required: true, en: "The directory that becomes the tree. It must exist.", zh: "与该目录树保持一致的本地目录，必须已存在。"},
		{name: "deletions", fallback: "all", choices: []string{"all", "said", "none"}, en: "What may be deleted here: `all` is what the source has deleted and what a comparison finds only here, `said` is only what the source has deleted, `none` is nothing.", zh: "允许删除的范围：`all` 包括源端删除的文件，以及比对后发现仅本地存在的文件；`said` 仅前者；`none` 不删除。"},
		{name: "adopt", fallback: "false", choices: yesNo, en: "`true` lets a directory that holds files already become the tree at the first start. With `deletions=\"all\"` files that the source does not have are then deleted.", zh: "`true` 表示首次启动时可接管已有文件的目录。若 `deletions=\"all\"`，源端没有的文件将被删除。"},
		{name: "serves", fallback: "false", choices: yesNo, en: "`true` tells other edges that they may fetch from an rsync daemon on this tree.", zh: "`true` 表示其他节点可以从本目录树的 rsync 守护进程拉取。"},
	}},
	{path: "tree/upstream", repeated: true, attributes: []attribute{
		{name: "host", required: true, en: "Host of the rsync daemon from which larger files are fetched.", zh: "拉取较大文件的 rsync 守护进程所在主机。"},
		{name: "port", fallback: "873", en: "Its port.", zh: "端口。"},
		{name: "module", required: true, en: "The module whose path is the tree.", zh: "路径为该目录树的模块。"},
		{name: "user", en: "A user of the module's `auth users`.", zh: "模块 `auth users` 中的用户。"},
		{name: "passwordfile", en: "File with the user's password alone; mode 600.", zh: "仅含该用户密码的文件；权限 600。"},
		{name: "mirror", en: "The name of the edge that serves there; without it the daemon is the source's. A mirror is asked only for what it has reported to have.", zh: "在该处提供服务的边缘节点名称；不写表示源端。只向已报告拥有相应内容的镜像拉取。"},
	}},
	{path: "tree/plugin", repeated: true, attributes: []attribute{
		{name: "name", required: true, choices: []string{"command", "http"}, en: "A plugin that is told of every change after it was applied.", zh: "在变更应用之后得到通知的插件。"},
	}},
}

// find is the element at a path; nil when there is none.
func find(path string) *element {
	for i := range elements {
		if elements[i].path == path {
			return &elements[i]
		}
	}
	return nil
}

// Reference is the table of all elements and attributes in Markdown; lang is "en" or
// "zh".
func Reference(lang string) string {
	var b strings.Builder
	head := "| element | attribute | default | meaning |\n|---|---|---|---|\n"
	required, none := "required", ""
	if lang == "zh" {
		head, required = "| 元素 | 属性 | 默认值 | 含义 |\n|---|---|---|---|\n", "必填"
	}
	b.WriteString(head)
	for _, e := range elements {
		for _, a := range e.attributes {
			text, fallback := a.en, none
			if lang == "zh" {
				text = a.zh
			}
			switch {
			case a.required:
				fallback = required
			case a.fallback != "":
				fallback = "`" + a.fallback + "`"
			}
			fmt.Fprintf(&b, "| `<%s>` | `%s` | %s | %s |\n", e.path, a.name, fallback, text)
		}
	}
	return b.String()
}

// names lists the attributes of an element, for remedies.
func (e *element) names() string {
	var all []string
	for _, a := range e.attributes {
		all = append(all, a.name)
	}
	return strings.Join(all, ", ")
}

// below lists the elements that may stand in the one at path.
func below(path string) string {
	var all []string
	for _, e := range elements {
		parent, name := "edge", e.path
		if i := strings.LastIndexByte(e.path, '/'); i >= 0 {
			parent, name = e.path[:i], e.path[i+1:]
		}
		if parent == path && e.path != "edge" {
			all = append(all, "<"+name+">")
		}
	}
	if path == "edge" {
		all = append(all, "<plugin>")
	}
	slices.Sort(all)
	if len(all) == 0 {
		return "no element"
	}
	return strings.Join(all, ", ")
}
