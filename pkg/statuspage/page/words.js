// The words of the page in both languages. Causes and remedies come from the
// program, and the answers name their codes: see said.js; messages of rsync stay as
// they are.

import { translate } from "./said.js";

const english = {
  skip: "Skip to the lanes",
  other: "中文",
  otherLang: "zh",
  unlock: "Show file names",
  plugins: "Plugins",
  tokenTitle: "File names need the token",
  tokenHelp: "The token is in the file that tokenfile=\"…\" of <host> names. It is kept in this tab only.",
  token: "Token",
  tokenWrong: "That is not the token.",
  cancel: "Cancel",
  show: "Show",

  verdict0: "Everything is in sync",
  verdict0moving: (n) => `In sync, ${n} on ${n === "1" ? "its" : "their"} way`,
  verdict1: "Catching up",
  verdict2: "Needs attention",
  verdictGone: "No answer from sersync",
  verdictToken: "This page needs the token",
  goneSince: (t) => `Last answer at ${t}. Is the program running?`,
  lanesWell: (n, all) => `${n} of ${all} lanes in sync`,
  about: (root, remote, what) => `${root} to ${remote}: ${what}`,
  more: (n) => `${n} more`,
  list: "; ",
  pluginWaits: (name, n) => `plugin ${name}: ${n} waiting`,
  configProblems: "Errors in the configuration",
  configLine: (n, element) => `line ${n}, ${element}`,
  configBad: (place) => `the configuration has an error in ${place}`,
  configSee: "sersync --check says what is wrong.",
  notes: "Notes",

  waiting: "Changes waiting",
  lag: "Oldest waits for",
  files10: "Files in 10 min",
  data10: "Data in 10 min",
  watches: "Watches",
  watchesOf: (n) => `of ${n}`,
  marked: (n) => `watched by fanotify: ${n}`,
  uncovered: (n) => `${n} directories without a watch`,
  overflows: "Overflows",
  uptime: "Running for",

  findTitle: "Where is a file?",
  findPath: "Path of a file or directory",
  findHint: "/path/of/a/file, or a path below a watch root",
  find: "Find",
  finding: "Asking the remotes …",
  close: "Close",
  notHere: "not here",
  kind: { file: "file", directory: "directory", link: "link", other: "other kind" },
  whereVerdict: { same: "the same", older: "older", newer: "newer", differs: "differs", missing: "missing", extra: "only there", unknown: "not asked" },
  verdictAbsent: "not there either",
  byContents: "contents compared",
  byTimes: "size and time compared",
  excludedBy: {
    filter: "Excluded by <filter>:", params: "Excluded by the rsync parameters:", kind: "The rsync parameters carry no files of this kind.",
    name: "Its events are ignored because of its name; a full sync sends it.", link: "Behind a link, which is sent as a link:",
    remote: "Excluded by the remote's own configuration.", partial: "A part of a large file that another host is sending.",
  },
  writing: "A program is still writing it; it is sent after its close.",
  below: (n) => `${n} changes below it wait.`,
  waitsFor: (t) => `Waiting for ${t}`,
  inFlightSince: (t) => `Being sent, changed ${t} ago`,
  inFlight: "being sent",
  with: (path) => `with ${path}`,
  attempts: (n, why) => `failed attempts: ${n}, ${why}`,
  deletion: "deletion",
  lanesTitle: "Lanes",
  rootsNote: (n) => `of ${n} watch roots`,
  filter: "Filter the lanes",
  filterHint: "Filter by path, host or state",
  kinds: { all: "All", failing: "Failing", waiting: "Waiting" },
  kindsLabel: "Which lanes are shown",
  noMatch: "No lane matches.",
  colState: "State",
  colLane: "Lane",
  colFailing: "Failing",
  copy: "Copy",
  copied: "Copied",
  notCopied: "Could not copy",
  range: { hour: "Last hour", day: "Last day" },
  rangeLabel: "Range of the charts",
  rangeSpan: { hour: "1 h", day: "24 h" },
  filesPer: (t) => `Files per ${t}`,
  bytesPer: (t) => `Data per ${t}`,
  lagChart: "Longest wait of a change",
  edges: "Edges",
  edgeState: { "in-sync": "in sync", "behind": "behind", "comparing": "comparing its tree", "silent": "silent", "trouble": "in trouble" },
  edgesAmiss: (n, all) => `${n} of ${all} edges are in trouble or silent`,
  edgeHeard: (t) => `reported ${t}`,
  edgesFind: "Find an edge",
  noEdges: "no edge has reported yet",
  onEdges: (n) => `on all ${n} edges`,
  notOnEdges: (n, all, names) => `not yet on ${n} of ${all} edges: ${names}`,
  perhapsNotOnEdges: (n, all, names) => `perhaps not yet on ${n} of ${all} edges: ${names}`,
  causes: "Failures by cause",
  failedLately: (n, t) => `${n} of the recent failures, the last ${t}`,
  pendingList: "Waiting, oldest first",
  deletions: "Deletions on the remote",
  deletionCause: { event: "deleted here", mirror: "by a full sync that was asked for", "catch-up": "found gone by a scan", verify: "found by a comparison that repairs", versions: "kept for long enough" },
  verifyList: "Last comparison (--verify)",
  noDifference: "no difference",
  verified: (d, n, o) => `${d} differing, ${n} newer on the remote, ${o} only on the remote`,
  verifyKind: { differing: "differs", newer: "newer on the remote", extras: "only on the remote" },
  state: {
    "in-sync": "in sync", "syncing": "syncing", "full-sync": "full sync", "backing-off": "backing off",
    "degraded": "degraded", "paused": "paused", "starting": "starting",
    "watched": "watched", "gone": "gone", "braked": "braked",
  },
  pending: "Waiting",
  laneLag: "Oldest waits for",
  lastSuccess: "Last success",
  latency: "Latency p50 / p95",
  runs: "Runs",
  receiver: "Remote has",
  excluded: (n) => `${n} excluded by its configuration`,
  sentTotal: "Sent",
  failedOf: (n) => `${n} failed`,
  filesTotal: (n, size) => `${n} files, ${size}`,
  never: "never",
  ago: (t) => `${t} ago`,
  nextTry: (t) => `Next try in ${t}.`,
  heldUntil: (t) => `until ${t}`,
  since: (t) => `for ${t}`,
  remedy: "What to do",
  failing: (n) => `${n} paths fail and are tried again later`,
  differs: {
    extras: (n) => `${n} ${n === "1" ? "entry is" : "entries are"} only on the remote`,
    newer: (n) => `${n} ${n === "1" ? "file is" : "files are"} newer on the remote`,
    differing: (n) => `${n} ${n === "1" ? "path has" : "paths have"} been found to differ on the remote`,
  },
  progress: (done, total, size) => `${done} of ${total} entries, ${size} sent`,
  progressUnknown: (done, size) => `${done} entries, ${size} sent`,
  remaining: (t) => `about ${t} left`,
  most: (v) => `max ${v}`,
  now: "now",
  chartLabel: (what, from, most) => `${what}, last ${from}, at most ${most}`,
  transfers: "Recent transfers",
  op: { sent: "sent", deleted: "deleted" },
  entries: (n) => `${n} files`,
  exit: (n) => `exit ${n}`,
  hidden: "File names are shown to the bearer of the token only.",
  noLanes: "No lanes are configured.",
  pluginLine: (p) => `${p.pending} waiting, ${p.delivered} delivered, ${p.failed} failed attempts, ${p.dropped} dropped`,
  updated: (t) => `updated ${t}`,
  units: { d: " d", h: " h", min: " min", s: " s", ms: " ms", gap: " " },
};

const chinese = {
  skip: "跳到同步通道",
  other: "English",
  otherLang: "en",
  unlock: "显示文件名",
  plugins: "插件",
  tokenTitle: "查看文件名需要令牌",
  tokenHelp: "令牌在 <host> 的 tokenfile=\"…\" 所指的文件中，只保存在当前标签页。",
  token: "令牌",
  tokenWrong: "令牌不正确。",
  cancel: "取消",
  show: "显示",

  verdict0: "全部已同步",
  verdict0moving: (n) => `已同步，${n} 项变更正在传输`,
  verdict1: "正在追赶",
  verdict2: "需要处理",
  verdictGone: "sersync 没有响应",
  verdictToken: "此页面需要令牌",
  goneSince: (t) => `最后一次响应：${t}。程序还在运行吗？`,
  lanesWell: (n, all) => `${all} 个通道中 ${n} 个已同步`,
  about: (root, remote, what) => `${root} 到 ${remote}：${what}`,
  more: (n) => `另有 ${n} 项`,
  list: "；",
  pluginWaits: (name, n) => `插件 ${name}：${n} 项待处理`,
  configProblems: "配置中的错误",
  configLine: (n, element) => `第 ${n} 行，${element}`,
  configBad: (place) => `配置有错误：${place}`,
  configSee: "具体错误请执行 sersync --check 查看。",
  notes: "注意事项",

  waiting: "待同步变更",
  lag: "最久等待",
  files10: "近 10 分钟文件数",
  data10: "近 10 分钟数据量",
  watches: "监控数",
  watchesOf: (n) => `上限 ${n}`,
  marked: (n) => `由 fanotify 监控：${n}`,
  uncovered: (n) => `${n} 个目录未被监控`,
  overflows: "队列溢出",
  uptime: "运行时间",

  findTitle: "文件在哪里？",
  findPath: "文件或目录的路径",
  findHint: "/文件/的/完整路径，或监控目录下的相对路径",
  find: "查找",
  finding: "正在查询各远端……",
  close: "关闭",
  notHere: "本机没有",
  kind: { file: "文件", directory: "目录", link: "链接", other: "其他类型" },
  whereVerdict: { same: "相同", older: "较旧", newer: "较新", differs: "不同", missing: "缺少", extra: "仅远端有", unknown: "未能查询" },
  verdictAbsent: "远端也没有",
  byContents: "已比较内容",
  byTimes: "已比较大小和时间",
  excludedBy: {
    filter: "被 <filter> 排除：", params: "被 rsync 参数排除：", kind: "rsync 参数不传送这类文件。",
    name: "因名称而忽略其事件；全量同步会发送它。", link: "位于链接之后，链接本身按链接发送：",
    remote: "被远端自身的配置排除。", partial: "其他主机正在发送的大文件的一部分。",
  },
  writing: "仍有程序在写入，关闭后发送。",
  below: (n) => `其下有 ${n} 项变更在等待。`,
  waitsFor: (t) => `已等待${t}`,
  inFlightSince: (t) => `正在发送，变更于${t}前`,
  inFlight: "正在发送",
  with: (path) => `随 ${path}`,
  attempts: (n, why) => `已失败 ${n} 次，${why}`,
  deletion: "删除",
  lanesTitle: "同步通道",
  rootsNote: (n) => `共 ${n} 个监控目录`,
  filter: "筛选通道",
  filterHint: "按路径、主机或状态筛选",
  kinds: { all: "全部", failing: "故障", waiting: "等待中" },
  kindsLabel: "显示哪些通道",
  noMatch: "没有符合条件的通道。",
  colState: "状态",
  colLane: "通道",
  colFailing: "失败",
  copy: "复制",
  copied: "已复制",
  notCopied: "无法复制",
  range: { hour: "最近一小时", day: "最近一天" },
  rangeLabel: "图表的时间范围",
  rangeSpan: { hour: "1 小时", day: "24 小时" },
  filesPer: (t) => `每 ${t}文件数`,
  bytesPer: (t) => `每 ${t}数据量`,
  lagChart: "变更的最长等待",
  edges: "边缘节点",
  edgeState: { "in-sync": "已同步", "behind": "落后", "comparing": "正在比对", "silent": "没有消息", "trouble": "有故障" },
  edgesAmiss: (n, all) => `${n} 个边缘节点有故障或没有消息（共 ${all} 个）`,
  edgeHeard: (t) => `报告于 ${t}`,
  edgesFind: "查找边缘节点",
  noEdges: "尚无边缘节点报告",
  onEdges: (n) => `${n} 个边缘节点都已有`,
  notOnEdges: (n, all, names) => `${n} 个边缘节点还没有（共 ${all} 个）：${names}`,
  perhapsNotOnEdges: (n, all, names) => `${n} 个边缘节点可能还没有（共 ${all} 个）：${names}`,
  causes: "按原因归类的失败",
  failedLately: (n, t) => `最近的失败中有 ${n} 次，最后一次在${t}`,
  pendingList: "等待中，最早的在前",
  deletions: "远端的删除记录",
  deletionCause: { event: "本机已删除", mirror: "由所要求的全量同步删除", "catch-up": "扫描发现已不存在", verify: "由修复差异的比对发现", versions: "保留期已满" },
  verifyList: "最近一次比对（--verify）",
  noDifference: "无差异",
  verified: (d, n, o) => `${d} 条不同，${n} 个文件在远端更新，${o} 条仅远端有`,
  verifyKind: { differing: "不同", newer: "在远端更新", extras: "仅远端有" },
  state: {
    "in-sync": "已同步", "syncing": "同步中", "full-sync": "全量同步", "backing-off": "重试等待",
    "degraded": "降级", "paused": "已暂停", "starting": "启动中",
    "watched": "监控中", "gone": "已消失", "braked": "已暂停删除（保护）",
  },
  pending: "待同步",
  laneLag: "最久等待",
  lastSuccess: "上次成功",
  latency: "延迟 p50 / p95",
  runs: "运行次数",
  receiver: "远端",
  excluded: (n) => `${n} 条路径被其配置排除`,
  sentTotal: "已发送",
  failedOf: (n) => `失败 ${n} 次`,
  filesTotal: (n, size) => `${n} 个文件，${size}`,
  never: "从未",
  ago: (t) => `${t}前`,
  nextTry: (t) => `${t}后重试。`,
  heldUntil: (t) => `直到 ${t}`,
  since: (t) => `已 ${t}`,
  remedy: "处理方法",
  failing: (n) => `${n} 条路径失败，稍后重试`,
  differs: {
    extras: (n) => `${n} 项仅远端有`,
    newer: (n) => `${n} 个文件在远端更新`,
    differing: (n) => `${n} 条路径经比对与远端不同`,
  },
  progress: (done, total, size) => `${done} / ${total} 项，已发送 ${size}`,
  progressUnknown: (done, size) => `${done} 项，已发送 ${size}`,
  remaining: (t) => `预计剩余 ${t}`,
  most: (v) => `最高 ${v}`,
  now: "现在",
  chartLabel: (what, from, most) => `${what}，最近 ${from}，最高 ${most}`,
  transfers: "最近传输",
  op: { sent: "发送", deleted: "删除" },
  entries: (n) => `${n} 个文件`,
  exit: (n) => `退出码 ${n}`,
  hidden: "文件名只向持有令牌者显示。",
  noLanes: "没有配置同步通道。",
  pluginLine: (p) => `待处理 ${p.pending}，已送达 ${p.delivered}，失败 ${p.failed} 次，丢弃 ${p.dropped}`,
  updated: (t) => `更新于 ${t}`,
  units: { d: "天", h: "小时", min: "分", s: "秒", ms: "毫秒", gap: "" },
};

const languages = { en: english, zh: chinese };
const stored = "sersync-lang";

let current = initial();

function initial() {
  let name = null;
  try { name = localStorage.getItem(stored); } catch { /* storage may be off */ }
  if (!(name in languages)) name = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  return name;
}

export const lang = () => current;

let codes = {}; // of the sentences in the last answers, by the sentence

// learn takes the codes of an answer's sentences.
export const learn = (answer) => { codes = { ...codes, ...answer.said }; };
export const said = (sentence) => translate(sentence, codes[sentence], current);
export const words = () => languages[current];

export function toggleLang() {
  current = words().otherLang;
  try { localStorage.setItem(stored, current); } catch { /* it then holds for this visit */ }
}

// Making a format costs more than using it, and a table has a thousand numbers.
const formats = { en: new Intl.NumberFormat("en"), zh: new Intl.NumberFormat("zh") };

export const number = (n) => formats[current].format(n);

export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = 0;
  while (bytes >= 1000 && i < units.length - 1) { bytes /= 1024; i++; }
  return `${new Intl.NumberFormat(current, { maximumFractionDigits: i && bytes < 100 ? 1 : 0 }).format(bytes)}\u00a0${units[i]}`;
}

// span is a duration in seconds as its two largest units.
export function span(seconds) {
  const u = words().units;
  const pair = (a, ua, b, ub) => (b ? `${a}${ua}${u.gap}${b}${ub}` : `${a}${ua}`);
  const s = Math.max(0, seconds);
  const whole = Math.floor(s);
  if (s < 1) return `${s > 0 ? Math.max(1, Math.round(s * 1000)) : 0}${u.ms}`;
  if (s < 10) return `${s.toFixed(1)}${u.s}`;
  if (s < 60) return `${whole}${u.s}`;
  if (s < 3600) return pair(Math.floor(whole / 60), u.min, whole % 60, u.s);
  if (s < 86400) return pair(Math.floor(whole / 3600), u.h, Math.floor((whole % 3600) / 60), u.min);
  return pair(Math.floor(whole / 86400), u.d, Math.floor((whole % 86400) / 3600), u.h);
}

const two = (n) => String(n).padStart(2, "0");

// moment is a time with its day, unless that is today.
export function moment(date) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return date.toDateString() === new Date().toDateString() ? clock(date) : `${day} ${clock(date)}`;
}

export const clock = (date) => date.toLocaleTimeString(current === "zh" ? "zh-CN" : "en-GB");
