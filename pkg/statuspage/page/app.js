// Asks for the status once a second while somebody looks, and shows it.

import { attr, el, inAddress, keyed, text, visible } from "./dom.js";
import { remedy, setRemedy } from "./copy.js";
import { ago, condition, lag, seconds, sum, troubled, waiting } from "./facts.js";
import * as lanes from "./lanes.js";
import * as where from "./where.js";
import { clock, lang, learn, number, said, size, span, toggleLang, words } from "./words.js";

const every = 1000; // milliseconds between two answers and the next question
const patience = 8000; // milliseconds until an answer is given up
const searchPatience = 12000; // the same where remotes are asked
const $ = (id) => document.getElementById(id);

let last = null; // the last status
let detail = null; // of the lane that is open
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

// get is one answer of the server. It throws what the server says against it.
async function get(url) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(url.startsWith("api/where") ? searchPatience : patience) });
  if (answer.status === 401) {
    const wrong = token !== "";
    setToken("");
    askToken(wrong);
    throw Object.assign(new Error(words().tokenTitle), { token: true });
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error ?? answer.statusText);
  }
  const found = await answer.json();
  learn(found);
  return found;
}

async function ask() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  try {
    last = await get("api/status?brief");
    lastAt = new Date();
    trouble = "";
    await askDetail();
  } catch (err) {
    trouble = err.token ? "token" : "gone";
  }
  asking = false;
  show();
  if (!document.hidden && !(trouble === "token" && $("token-dialog").open)) timer = setTimeout(ask, every);
}

// askDetail asks for what the opened lane shows.
async function askDetail() {
  const lane = last.lanes.find((l) => l.id === lanes.openedLane());
  if (!lane) {
    detail = null;
    return;
  }
  try {
    detail = await get(`api/lane?lane=${inAddress(lane.id, lane.id_bytes)}`);
  } catch (err) {
    if (err.token) throw err;
    detail = null; // the lane has gone
  }
}

// ---- showing

const glyphs = { 0: "M15.5 24.5l6 6 11-13", 1: "M24 14v11l7 4", 2: "M24 13v14M24 34v.5", unknown: "M15 24h18" };

function show() {
  const w = words();
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-word]")) text(e, w[e.dataset.word]);
  for (const e of document.querySelectorAll("[data-hint]")) attr(e, "placeholder", w[e.dataset.hint]);
  text($("lang"), w.other);
  attr($("lang"), "lang", w.otherLang);
  showVerdict(w);
  if (!last) return;
  const now = Date.parse(last.now);
  text($("host"), visible(last.host ?? ""));
  $("unlock").hidden = last.names;
  showFacts(w, now);
  showConfig(w);
  showNotes(w);
  showRoots(w);
  lanes.show(last, detail, now);
  where.show(last);
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
    (troubled(l) ? bad : slow).push(w.about(visible(l.root, l.root_bytes), visible(l.remote, l.remote_bytes), condition(l)));
  }
  for (const p of configProblems()) bad.push(w.configBad(configPlace(w, p)));
  if (last.watches.uncovered) slow.push(w.uncovered(number(last.watches.uncovered)));
  for (const p of last.plugins) if (pluginTrouble(p)) slow.push(w.pluginWaits(visible(p.name), number(p.pending)));
  const all = last.overall.level === 2 ? bad : [...bad, ...slow];
  const shown = all.slice(0, 3);
  if (all.length > shown.length) shown.push(w.more(number(all.length - shown.length)));
  return shown.join(w.list);
}

const pluginTrouble = (p) => p.pending > 0 && p.last_failure && !(p.last_success && Date.parse(p.last_success) >= Date.parse(p.last_failure));

function showFacts(w, now) {
  const lanes = last.lanes;
  const watches = last.watches;
  const marked = last.roots.filter((r) => r.backend === "fanotify");
  const oldest = Math.max(0, ...lanes.map((l) => lag(now, l)));
  const share = watches.limit > 0 ? watches.count / watches.limit : 0;
  const facts = [
    { name: w.lanesTitle, value: number(lanes.length), note: last.roots.length > 1 ? w.rootsNote(number(last.roots.length)) : "" },
    { name: w.waiting, value: number(lanes.reduce((n, l) => n + waiting(l), 0)) },
    { name: w.lag, value: oldest ? span(oldest) : "–", tone: oldest > 60 ? "wait" : "" },
    { name: w.files10, value: number(lanes.reduce((n, l) => n + sum(l.series.files), 0)) },
    { name: w.data10, value: size(lanes.reduce((n, l) => n + sum(l.series.bytes), 0)) },
    {
      name: w.watches, value: number(watches.count), meter: share, tone: watches.uncovered ? "bad" : share > 0.9 ? "wait" : "",
      note: watches.uncovered ? w.uncovered(number(watches.uncovered)) : marked.length ? w.marked(number(marked.length)) : watches.limit ? w.watchesOf(number(watches.limit)) : "",
    },
    { name: w.overflows, value: number(watches.overflows), tone: watches.overflows ? "wait" : "" },
    { name: w.uptime, value: last.started ? span(Math.floor(seconds(now, last.started))) : "–" },
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

const configProblems = () => last.config_problems ?? [];

const configPlace = (w, p) => (p.line ? w.configLine(number(p.line), visible(p.element)) : visible(p.element));

function showConfig(w) {
  showRows(w, "config", "config-list", "bad", configProblems().map((p) => ({
    what: configPlace(w, p), why: visible(p.message ?? w.configSee), remedy: p.remedy,
  })));
}

function showNotes(w) {
  showRows(w, "notes", "note-list", "wait", (last.notes ?? []).map((n) => ({
    what: visible(said(n.subject)), why: visible(said(n.reason ?? "")), remedy: n.remedy,
  })));
}

// showRows fills a panel with what a person should see to; without rows it is hidden.
function showRows(w, panel, list, tone, rows) {
  $(panel).hidden = rows.length === 0;
  keyed($(list), rows.map((r, i) => ({ ...r, i })), (r) => String(r.i), () => {
    const parts = { what: el("strong"), why: el("span"), remedy: remedy() };
    const e = el("li", "plugin", parts.what, parts.why, parts.remedy);
    attr(e, "data-tone", tone);
    e.parts = parts;
    return e;
  }, (e, r) => {
    text(e.parts.what, r.what);
    text(e.parts.why, r.why);
    setRemedy(e.parts.remedy, r.remedy, "", last.config_file);
  });
}

// showRoots shows the watch roots that are not as they should be.
function showRoots(w) {
  const odd = last.roots.filter((r) => r.state !== "watched");
  $("roots").hidden = odd.length === 0;
  keyed($("roots"), odd, (r) => r.path_bytes ?? r.path, () => {
    const parts = { path: el("bdi", "name"), chip: el("span", "chip"), why: el("p", "why"), remedy: remedy() };
    const e = el("li", "panel root", el("div", "root-head", parts.chip, parts.path), parts.why, parts.remedy);
    e.parts = parts;
    return e;
  }, (e, r) => {
    attr(e, "data-tone", r.state === "starting" ? "wait" : "bad");
    text(e.parts.path, visible(r.path, r.path_bytes));
    text(e.parts.chip, w.state[r.state] ?? r.state);
    text(e.parts.why, visible(said(r.reason ?? "")));
    setRemedy(e.parts.remedy, r.remedy, r.path, last.config_file);
  });
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
lanes.watch((opened) => {
  if (last) show();
  if (opened) ask();
});
where.watch(get, () => last);

show();
ask();
