// Asks for the status once a second while somebody looks, and shows it.

import { attr, el, keyed, text, visible } from "./dom.js";
import { ago, lag, makeLane, seconds, troubled, updateLane, waiting } from "./lane.js";
import { clock, lang, number, said, size, span, toggleLang, words } from "./words.js";

const every = 1000; // milliseconds between two answers and the next question
const patience = 8000; // milliseconds until an answer is given up
const $ = (id) => document.getElementById(id);

let last = null; // the last status
let lastAt = null; // when it came
let trouble = ""; // "", "gone" or "token"
let timer = 0;
let asking = false;

// ---- the token: from the dialog or the address (#token=…), kept by this tab

const tokenKey = "sersync-token";
let token = "";
try { token = sessionStorage.getItem(tokenKey) ?? ""; } catch { /* storage may be off */ }
if (location.hash.startsWith("#token=")) {
  setToken(decodeURIComponent(location.hash.slice("#token=".length)));
  history.replaceState(null, "", location.pathname);
}

function setToken(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(tokenKey, value);
    else sessionStorage.removeItem(tokenKey);
  } catch { /* it then holds until the page is left */ }
}

function askToken(wrong) {
  $("token-wrong").hidden = !wrong;
  if (!$("token-dialog").open) $("token-dialog").showModal();
}

// ---- asking

async function ask() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch("api/status", { headers, cache: "no-store", signal: AbortSignal.timeout(patience) });
    if (answer.status === 401) {
      trouble = "token";
      const wrong = token !== "";
      setToken("");
      askToken(wrong);
    } else if (answer.ok) {
      last = await answer.json();
      lastAt = new Date();
      trouble = "";
    } else {
      trouble = "gone";
    }
  } catch {
    trouble = "gone";
  }
  asking = false;
  show();
  if (!document.hidden && !(trouble === "token" && $("token-dialog").open)) timer = setTimeout(ask, every);
}

// ---- showing

const glyphs = { 0: "M15.5 24.5l6 6 11-13", 1: "M24 14v11l7 4", 2: "M24 13v14M24 34v.5", unknown: "M15 24h18" };

function show() {
  const w = words();
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-word]")) text(e, w[e.dataset.word]);
  text($("lang"), w.other);
  attr($("lang"), "lang", w.otherLang);
  showVerdict(w);
  if (!last) return;
  const now = Date.parse(last.now);
  text($("host"), visible(last.host ?? ""));
  $("unlock").hidden = last.names;
  showFacts(w, now);
  showRoots(now);
  showPlugins(w);
  const config = last.config_file ? `, ${visible(last.config_file, last.config_file_bytes)}` : "";
  text($("about"), `sersync ${visible(last.version)}, pid ${last.pid}${config}`);
  text($("updated"), lastAt ? w.updated(clock(lastAt)) : "");
}

function showVerdict(w) {
  const level = trouble || !last ? "unknown" : String(last.overall.level);
  let title = "…";
  let because = "";
  if (trouble === "gone") {
    title = w.verdictGone;
    because = lastAt ? w.goneSince(clock(lastAt)) : "";
  } else if (trouble === "token") {
    title = w.verdictToken;
  } else if (last) {
    const moving = last.lanes.reduce((n, l) => n + waiting(l), 0);
    title = level === "0" && moving ? w.verdict0moving(number(moving)) : w[`verdict${level}`];
    const well = last.lanes.filter((l) => l.state === "in-sync" && !troubled(l)).length;
    because = level === "0" ? w.lanesWell(number(well), number(last.lanes.length)) : reasons(w);
  }
  attr(document.body, "data-level", level);
  attr($("glyph"), "d", glyphs[level]);
  attr($("icon"), "href", `icon-${level}.svg`);
  text($("verdict"), title);
  text($("because"), because);
  const host = last?.host ? `${last.host} · ` : "";
  document.title = visible(`${host}${title} · sersync`);
}

// reasons names what keeps the verdict from being good, the worst first.
function reasons(w) {
  const bad = [];
  const slow = [];
  for (const r of last.roots) {
    if (r.state === "watched") continue;
    (r.state === "starting" ? slow : bad).push(`${visible(r.path, r.path_bytes)}: ${w.state[r.state] ?? r.state}`);
  }
  for (const l of last.lanes) {
    if (l.state === "in-sync" && !troubled(l)) continue;
    const what = l.failing > 0 && l.state !== "backing-off" ? w.failing(number(l.failing)) : w.state[l.state] ?? l.state;
    (troubled(l) ? bad : slow).push(w.about(visible(l.root, l.root_bytes), visible(l.remote, l.remote_bytes), what));
  }
  if (last.watches.uncovered) slow.push(w.uncovered(number(last.watches.uncovered)));
  for (const p of last.plugins) if (pluginTrouble(p)) slow.push(w.pluginWaits(visible(p.name), number(p.pending)));
  const all = last.overall.level === 2 ? bad : [...bad, ...slow];
  const shown = all.slice(0, 3);
  if (all.length > shown.length) shown.push(w.more(number(all.length - shown.length)));
  return shown.join(w.list);
}

const pluginTrouble = (p) => p.pending > 0 && p.last_failure && !(p.last_success && Date.parse(p.last_success) >= Date.parse(p.last_failure));

const sum = (list) => (list ?? []).reduce((a, b) => a + b, 0);

function showFacts(w, now) {
  const lanes = last.lanes;
  const watches = last.watches;
  const oldest = Math.max(0, ...lanes.map((l) => lag(now, l)));
  const share = watches.limit > 0 ? watches.count / watches.limit : 0;
  const facts = [
    { name: w.waiting, value: number(lanes.reduce((n, l) => n + waiting(l), 0)) },
    { name: w.lag, value: oldest ? span(oldest) : "–", tone: oldest > 60 ? "wait" : "" },
    { name: w.files10, value: number(lanes.reduce((n, l) => n + sum(l.series.files), 0)) },
    { name: w.data10, value: size(lanes.reduce((n, l) => n + sum(l.series.bytes), 0)) },
    {
      name: w.watches, value: number(watches.count), meter: share, tone: watches.uncovered ? "bad" : share > 0.9 ? "wait" : "",
      note: watches.uncovered ? w.uncovered(number(watches.uncovered)) : watches.limit ? w.watchesOf(number(watches.limit)) : "",
    },
    { name: w.overflows, value: number(watches.overflows), tone: watches.overflows ? "wait" : "" },
    { name: w.uptime, value: last.started ? span(Math.floor(seconds(now, last.started))) : "–" },
    { name: w.version, value: visible(last.version) },
  ];
  keyed($("facts"), facts.map((f, i) => ({ ...f, i })), (f) => String(f.i), makeFact, (e, f) => {
    attr(e, "data-tone", f.tone ?? "");
    text(e.parts.name, f.name);
    text(e.parts.value, f.value);
    text(e.parts.note, f.note ?? "");
    e.parts.meter.hidden = !f.meter;
    e.parts.meter.value = f.meter ?? 0;
    attr(e.parts.meter, "aria-label", `${f.name} ${f.value} ${f.note ?? ""}`);
  });
}

function makeFact() {
  const parts = { name: el("dt"), value: el("dd"), note: el("dd", "muted small"), meter: el("meter") };
  parts.meter.high = 0.9;
  const e = el("div", "fact", parts.name, parts.value, el("dd", "meter", parts.meter), parts.note);
  e.parts = parts;
  return e;
}

function showRoots(now) {
  const roots = last.roots.map((r) => ({ ...r, lanes: last.lanes.filter((l) => l.root === r.path && l.root_bytes === r.path_bytes) }));
  keyed($("lanes"), roots, (r) => r.path_bytes ?? r.path, makeRoot, (e, r) => {
    const w = words();
    const good = r.state === "watched";
    attr(e, "data-tone", good ? "good" : r.state === "starting" ? "wait" : "bad");
    text(e.parts.path, visible(r.path, r.path_bytes));
    text(e.parts.chip, w.state[r.state] ?? r.state);
    text(e.parts.note, w.directories(number(r.directories)));
    text(e.parts.why, visible(said(r.reason ?? "")));
    text(e.parts.remedy, r.remedy ? `${w.remedy}: ${visible(said(r.remedy))}` : "");
    e.parts.callout.hidden = good || !(r.reason || r.remedy);
    keyed(e.parts.grid, r.lanes, (l) => l.id, makeLane, (c, l) => updateLane(c, l, last, now));
  });
}

function makeRoot() {
  const parts = {
    path: el("bdi", "name"), chip: el("span", "chip"), note: el("span", "muted"),
    why: el("p", "why"), remedy: el("p", "remedy"), grid: el("div", "grid"),
  };
  parts.callout = el("div", "callout", parts.why, parts.remedy);
  const e = el("section", "root", el("header", "root-head", el("h2", "", parts.path), parts.chip, parts.note), parts.callout, parts.grid);
  e.parts = parts;
  return e;
}

function showPlugins(w) {
  $("plugins").hidden = last.plugins.length === 0;
  const now = Date.parse(last.now);
  keyed($("plugin-list"), last.plugins.map((p, i) => ({ ...p, i })), (p) => `${p.i} ${p.name}`, () => {
    const parts = { name: el("strong"), line: el("span"), note: el("span", "muted") };
    const e = el("li", "plugin", parts.name, parts.line, parts.note);
    e.parts = parts;
    return e;
  }, (e, p) => {
    const bad = pluginTrouble(p);
    attr(e, "data-tone", bad ? "bad" : "good");
    text(e.parts.name, visible(p.name));
    text(e.parts.line, w.pluginLine({ pending: number(p.pending), delivered: number(p.delivered), failed: number(p.failed_attempts), dropped: number(p.dropped) }));
    text(e.parts.note, bad && p.last_error ? visible(p.last_error) : `${w.lastSuccess}: ${ago(now, p.last_success)}`);
  });
}

// ---- what people do

$("lang").addEventListener("click", () => { toggleLang(); show(); });
$("unlock").addEventListener("click", () => askToken(false));
$("token-cancel").addEventListener("click", () => $("token-dialog").close());
$("token-dialog").addEventListener("close", () => { $("token").value = ""; ask(); });
$("token-form").addEventListener("submit", (e) => {
  e.preventDefault();
  setToken($("token").value.trim());
  $("token-dialog").close();
});
document.addEventListener("visibilitychange", ask);

show();
ask();
