// The words of the page in both languages. For causes and remedies, which come
// from the program, see said.js; messages of rsync stay as they are.

import { translate } from "./said.js";

const english = {
  skip: "Skip to the lanes",
  other: "中文",
  otherLang: "zh",
  unlock: "Show file names",
  plugins: "Plugins",
  tokenTitle: "File names need the token",
  tokenHelp: "It stands in the file that tokenfile=\"…\" of <host> names, and stays in this tab only.",
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

  waiting: "Changes waiting",
  lag: "Oldest waits for",
  files10: "Files in 10 min",
  data10: "Data in 10 min",
  watches: "Watches",
  watchesOf: (n) => `of ${n}`,
  uncovered: (n) => `${n} directories without a watch`,
  overflows: "Overflows",
  uptime: "Running for",
  version: "Version",

  directories: (n) => `${n} directories`,
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
  sentTotal: "Sent",
  failedOf: (n) => `${n} failed`,
  filesTotal: (n, size) => `${n} files, ${size}`,
  never: "never",
  ago: (t) => `${t} ago`,
  nextTry: (t) => `Next try in ${t}.`,
  since: (t) => `for ${t}`,
  remedy: "What to do",
  failing: (n) => `${n} paths fail and are tried again later`,
  progress: (done, total, size) => `${done} of ${total} entries, ${size} sent`,
  progressUnknown: (done, size) => `${done} entries, ${size} sent`,
  throughput: "Files per 5 s",
  latencyChart: "Latency p95",
  most: (v) => `max ${v}`,
  chartSpan: "10 min ago",
  now: "now",
  chartLabel: (what, most) => `${what}, last ten minutes, at most ${most}`,
  transfers: "Recent transfers",
  failures: "Recent failures",
  none: "none",
  op: { sent: "sent", deleted: "deleted" },
  entries: (n) => `${n} files`,
  exit: (n) => `exit ${n}`,
  wholeRun: "the run as a whole",
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

  waiting: "待同步变更",
  lag: "最久等待",
  files10: "近 10 分钟文件数",
  data10: "近 10 分钟数据量",
  watches: "监控数",
  watchesOf: (n) => `上限 ${n}`,
  uncovered: (n) => `${n} 个目录未被监控`,
  overflows: "队列溢出",
  uptime: "运行时间",
  version: "版本",

  directories: (n) => `${n} 个目录`,
  state: {
    "in-sync": "已同步", "syncing": "同步中", "full-sync": "全量同步", "backing-off": "重试等待",
    "degraded": "降级", "paused": "已暂停", "starting": "启动中",
    "watched": "监控中", "gone": "已消失", "braked": "已制动",
  },
  pending: "待同步",
  laneLag: "最久等待",
  lastSuccess: "上次成功",
  latency: "延迟 p50 / p95",
  runs: "运行次数",
  sentTotal: "已发送",
  failedOf: (n) => `失败 ${n} 次`,
  filesTotal: (n, size) => `${n} 个文件，${size}`,
  never: "从未",
  ago: (t) => `${t}前`,
  nextTry: (t) => `${t}后重试。`,
  since: (t) => `已 ${t}`,
  remedy: "处理方法",
  failing: (n) => `${n} 条路径失败，稍后重试`,
  progress: (done, total, size) => `${done} / ${total} 项，已发送 ${size}`,
  progressUnknown: (done, size) => `${done} 项，已发送 ${size}`,
  throughput: "每 5 秒文件数",
  latencyChart: "延迟 p95",
  most: (v) => `最高 ${v}`,
  chartSpan: "10 分钟前",
  now: "现在",
  chartLabel: (what, most) => `${what}，最近十分钟，最高 ${most}`,
  transfers: "最近传输",
  failures: "最近失败",
  none: "无",
  op: { sent: "发送", deleted: "删除" },
  entries: (n) => `${n} 个文件`,
  exit: (n) => `退出码 ${n}`,
  wholeRun: "整次运行",
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
export const said = (sentence) => translate(sentence, current);
export const words = () => languages[current];

export function toggleLang() {
  current = words().otherLang;
  try { localStorage.setItem(stored, current); } catch { /* it then holds for this visit */ }
}

export const number = (n) => new Intl.NumberFormat(current).format(n);

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

export const clock = (date) => date.toLocaleTimeString(current === "zh" ? "zh-CN" : "en-GB");
