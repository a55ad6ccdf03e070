// One card per lane.

import { attr, el, keyed, text, visible } from "./dom.js";
import { chart, draw } from "./chart.js";
import { clock, number, said, size, span, words } from "./words.js";

export const troubled = (lane) => lane.state === "backing-off" || lane.state === "degraded" || lane.failing > 0;

export function tone(lane) {
  if (troubled(lane)) return "bad";
  return lane.state === "in-sync" ? "good" : lane.state === "syncing" ? "busy" : "wait";
}

export const seconds = (now, then) => (then ? Math.max(0, (now - Date.parse(then)) / 1000) : 0);

export const ago = (now, then) => (then ? words().ago(span(seconds(now, then))) : words().never);

export const waiting = (lane) => lane.pending + lane.in_flight;

export const lag = (now, lane) => (waiting(lane) + lane.failing > 0 ? seconds(now, lane.oldest_pending) : 0);

const factNames = ["pending", "laneLag", "lastSuccess", "latency", "sentTotal", "runs"];

export function makeLane() {
  const chip = el("span", "chip");
  const since = el("span", "since muted");
  const remote = el("bdi", "name");
  const card = el("article", "lane", el("header", "lane-head", el("h3", "", remote), chip, since));

  const why = el("p", "why");
  const detail = el("p", "detail");
  const remedy = el("p", "remedy");
  const callout = el("div", "callout", why, detail, remedy);

  const bar = el("progress", "");
  const progressText = el("p", "muted");
  const progress = el("div", "progress", bar, progressText);

  const facts = el("dl", "lane-facts");
  const values = {};
  const names = {};
  for (const n of factNames) {
    names[n] = el("dt");
    values[n] = el("dd");
    facts.append(el("div", "", names[n], values[n]));
  }
  const throughput = chart("throughput");
  const latency = chart("latency");
  const failures = list();
  const transfers = list();
  card.append(callout, progress, facts, el("div", "charts", throughput, latency), failures.box, transfers.box);
  card.parts = { chip, since, remote, callout, why, detail, remedy, progress, bar, progressText, names, values, throughput, latency, failures, transfers };
  return card;
}

function list() {
  const title = el("span");
  const n = el("span", "count");
  const rows = el("ul", "rows");
  return { box: el("details", "", el("summary", "", title, n), rows), title, n, rows };
}

export function updateLane(card, lane, snapshot, now) {
  const p = card.parts;
  const w = words();
  attr(card, "data-tone", tone(lane));
  attr(card, "data-state", lane.state);
  text(p.remote, visible(lane.remote, lane.remote_bytes));
  text(p.chip, w.state[lane.state] ?? lane.state);
  text(p.since, lane.since ? w.since(span(seconds(now, lane.since))) : "");
  updateCallout(p, lane, now);
  updateProgress(p, lane);
  updateFacts(p, lane, now);
  const s = lane.series;
  draw(p.throughput, w.throughput, s.files ?? [], s.failures ?? [], number);
  draw(p.latency, w.latencyChart, s.latency_ms ?? [], [], (ms) => span(ms / 1000));
  updateFailures(p.failures, lane);
  updateTransfers(p.transfers, lane, snapshot.names);
}

function updateCallout(p, lane, now) {
  const w = words();
  const lines = [];
  if (lane.reason) lines.push(said(lane.reason));
  if (lane.failing > 0) lines.push(w.failing(number(lane.failing)));
  const next = lane.next_try ? (Date.parse(lane.next_try) - now) / 1000 : 0;
  if (lane.state === "backing-off" && next > 0) lines.push(w.nextTry(span(Math.ceil(next))));
  text(p.why, visible(lines.join(" · ")));
  text(p.detail, visible(lane.detail ?? ""));
  text(p.remedy, lane.remedy ? `${w.remedy}: ${visible(said(lane.remedy))}` : "");
  p.detail.hidden = !lane.detail;
  p.remedy.hidden = !lane.remedy;
  p.callout.hidden = lines.length === 0 && !lane.detail;
}

function updateProgress(p, lane) {
  const g = lane.progress;
  p.progress.hidden = !g;
  if (!g) return;
  const w = words();
  if (g.total > 0) {
    p.bar.max = g.total;
    p.bar.value = g.done;
  } else {
    p.bar.removeAttribute("value");
  }
  attr(p.bar, "aria-label", w.state["full-sync"]);
  text(p.progressText, g.total > 0 ? w.progress(number(g.done), number(g.total), size(g.bytes)) : w.progressUnknown(number(g.done), size(g.bytes)));
}

function updateFacts(p, lane, now) {
  const w = words();
  for (const n of factNames) text(p.names[n], w[n]);
  const l = lane.latency;
  const wait = lag(now, lane);
  text(p.values.pending, number(waiting(lane)));
  text(p.values.laneLag, wait ? span(wait) : "–");
  text(p.values.lastSuccess, ago(now, lane.last_success));
  text(p.values.latency, l.count ? `${span(l.p50_seconds)} / ${span(l.p95_seconds)}` : "–");
  text(p.values.sentTotal, w.filesTotal(number(lane.files), size(lane.bytes_sent)));
  text(p.values.runs, lane.failed_runs ? `${number(lane.runs)}, ${w.failedOf(number(lane.failed_runs))}` : number(lane.runs));
}

const made = () => {
  const time = el("time", "muted");
  const name = el("bdi", "name");
  const note = el("span", "note-text");
  const li = el("li", "", time, name, note);
  li.parts = { time, name, note };
  return li;
};

// Two entries may be alike in everything, so the key counts the likes.
function withKeys(entries, tell) {
  const seen = new Map();
  return entries.map((e) => {
    const k = `${e.time} ${e.path ?? ""} ${tell(e)}`;
    const n = seen.get(k) ?? 0;
    seen.set(k, n + 1);
    return { ...e, key: `${k} ${n}` };
  });
}

function fill(box, title, entries, tell, describe) {
  text(box.title, title);
  text(box.n, String(entries.length));
  keyed(box.rows, withKeys(entries, tell), (e) => e.key, made, (li, e) => {
    text(li.parts.time, clock(new Date(e.time)));
    describe(li.parts, e);
  });
}

function updateFailures(box, lane) {
  const w = words();
  const entries = lane.failures ?? [];
  box.box.hidden = entries.length === 0;
  fill(box, w.failures, entries, (e) => e.reason, (parts, e) => {
    text(parts.name, e.path ? visible(e.path, e.path_bytes) : "");
    const exit = e.exit >= 0 ? ` (${w.exit(e.exit)})` : "";
    const remedy = e.remedy ? ` — ${visible(said(e.remedy))}` : "";
    text(parts.note, visible(said(e.reason)) + exit + remedy);
  });
}

function updateTransfers(box, lane, names) {
  const w = words();
  const entries = lane.transfers ?? [];
  box.box.hidden = !names || entries.length === 0;
  fill(box, w.transfers, entries, (e) => e.operation, (parts, e) => {
    text(parts.name, visible(e.path, e.path_bytes));
    const many = e.files > 1 ? `${w.entries(number(e.files))}, ` : "";
    const bytes = e.operation === "deleted" ? "" : `, ${size(e.bytes)}`;
    text(parts.note, `${many}${w.op[e.operation] ?? e.operation}${bytes}, ${span(e.duration_seconds)}`);
  });
}
