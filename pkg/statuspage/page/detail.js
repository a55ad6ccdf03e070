// What a lane shows when it is opened.

import { attr, el, keyed, text, visible } from "./dom.js";
import { chart, draw } from "./chart.js";
import { byHand, remedy, setRemedy } from "./copy.js";
import { ago, differences, differs, edgesText, lag, seconds, waiting } from "./facts.js";
import { clock, moment, number, said, size, span, words } from "./words.js";

const factNames = ["pending", "laneLag", "lastSuccess", "latency", "sentTotal", "runs", "receiver", "edges"];
const ranges = ["hour", "day"];

let range = "hour"; // of the charts
let edge = ""; // text that the names of shown edges hold

export function makeDetail() {
  const parts = {
    why: el("p", "why"), said: el("p", "detail"), remedy: remedy(), differing: el("ul", "differing"),
    bar: el("progress", ""), progressText: el("p", "muted"), facts: el("dl", "lane-facts"), values: {}, names: {},
    ranges: el("div", "kinds"), files: chart("files"), bytes: chart("bytes"), lag: chart("lag"),
    edges: section("edges"), find: el("input", "edge-find"), causes: section("causes"), pending: section("pending"), transfers: section("transfers"), deletions: section("deletions"), verify: section("verify"),
    hidden: el("p", "muted note"),
  };
  parts.callout = el("div", "callout", parts.why, parts.said, parts.remedy, parts.differing);
  parts.progress = el("div", "progress", parts.bar, parts.progressText);
  for (const n of factNames) {
    parts.names[n] = el("dt");
    parts.values[n] = el("dd");
    parts.facts.append(el("div", "", parts.names[n], parts.values[n]));
  }
  const box = el("div", "lane-detail", parts.callout, parts.progress, parts.facts, parts.ranges,
    el("div", "charts", parts.files, parts.bytes, parts.lag),
    el("div", "lists", parts.edges.box, parts.causes.box, parts.pending.box, parts.transfers.box, parts.deletions.box, parts.verify.box), parts.hidden);
  parts.find.type = "search";
  parts.find.addEventListener("input", () => { edge = parts.find.value.trim().toLowerCase(); again(box); });
  parts.edges.box.insertBefore(parts.find, parts.edges.rows);
  for (const r of ranges) {
    const b = el("button", "kind");
    b.type = "button";
    b.dataset.range = r;
    b.addEventListener("click", () => { range = r; again(box); });
    parts.ranges.append(b);
  }
  box.parts = parts;
  return box;
}

// again draws a lane from the answers that it was drawn from last.
const again = (box) => box.last && updateDetail(box, ...box.last);

function section(name) {
  const title = el("span");
  const count = el("span", "count");
  const rows = el("ul", "rows");
  rows.tabIndex = 0; // a list that scrolls can be scrolled with the keys
  return { box: el("section", `list ${name}`, el("h3", "", title, count), rows), title, count, rows };
}

export function updateDetail(box, lane, detail, last, now) {
  box.last = [lane, detail, last, now];
  const p = box.parts;
  const w = words();
  const known = detail?.lane ?? lane;
  updateCallout(p, lane, known, last, now);
  updateProgress(p, lane, now);
  updateFacts(p, lane, now);
  updateCharts(p, detail);
  updateEdges(p, known, now);
  updateCauses(p.causes, detail, last, now);
  updatePending(p.pending, detail, now);
  updateTransfers(p.transfers, known, last.names);
  updateDeletions(p.deletions, detail);
  updateVerify(p.verify, known.verify, now);
  p.hidden.hidden = last.names;
  text(p.hidden, w.hidden);
}

function updateCallout(p, lane, known, last, now) {
  const w = words();
  const lines = [];
  if (lane.reason) lines.push(said(lane.reason));
  if (lane.failing > 0) lines.push(w.failing(number(lane.failing)));
  const next = lane.next_try ? (Date.parse(lane.next_try) - now) / 1000 : 0;
  if (lane.state === "backing-off" && next > 0) lines.push(w.nextTry(span(Math.ceil(next))));
  else if (lane.reason && next > 0) lines.push(w.heldUntil(moment(new Date(lane.next_try))));
  text(p.why, visible(lines.join(" · ")));
  text(p.said, visible(lane.detail ?? ""));
  p.said.hidden = !lane.detail;
  setRemedy(p.remedy, lane.remedy, lane.id, last.config_file);
  updateDifferences(p.differing, known, last, now);
  p.why.hidden = lines.length === 0;
  p.callout.hidden = lines.length === 0 && !lane.detail && differences(known).length === 0;
}

function updateDifferences(list, lane, last, now) {
  list.hidden = differences(lane).length === 0;
  keyed(list, differences(lane), (d) => d.kind, () => {
    const parts = { why: el("p", "why"), remedy: remedy(), names: el("p", "detail") };
    const li = el("li", "", parts.why, parts.remedy, parts.names);
    li.parts = parts;
    return li;
  }, (li, d) => {
    const names = (d.names ?? []).map((n, i) => visible(n, d.names_bytes?.[i]));
    text(li.parts.why, `${differs(d)}, ${ago(now, d.since)}`);
    setRemedy(li.parts.remedy, d.remedy, lane.id, last.config_file);
    text(li.parts.names, names.join("\n"));
    li.parts.names.hidden = names.length === 0;
  });
}

function updateProgress(p, lane, now) {
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
  const left = g.until ? Math.max(0, Math.round((Date.parse(g.until) - now) / 1000)) : 0;
  const far = g.total > 0 ? w.progress(number(g.done), number(g.total), size(g.bytes)) : w.progressUnknown(number(g.done), size(g.bytes));
  text(p.progressText, g.until ? far + w.list + w.remaining(span(left)) : far);
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
  const receiver = [lane.release, ...(lane.without ?? [])].filter(Boolean).map((s) => visible(said(s)));
  if (lane.excluded) receiver.push(w.excluded(number(lane.excluded)));
  text(p.values.receiver, receiver.join(w.list) || "–");
  p.names.edges.parentElement.hidden = !lane.edges;
  if (lane.edges) text(p.values.edges, edgesText(lane.edges));
}

function updateCharts(p, detail) {
  const w = words();
  attr(p.ranges, "role", "group");
  attr(p.ranges, "aria-label", w.rangeLabel);
  for (const b of p.ranges.children) {
    attr(b, "aria-pressed", String(b.dataset.range === range));
    text(b, w.range[b.dataset.range]);
  }
  const past = detail?.[range];
  if (!past) return;
  const from = w.rangeSpan[range];
  const per = span(past.span_seconds);
  const unknown = (list) => list.map((n, i) => (past.lag_ms[i] < 0 ? -1 : n));
  draw(p.files, w.filesPer(per), unknown(past.files), past.failures, number, from);
  draw(p.bytes, w.bytesPer(per), unknown(past.bytes), [], size, from);
  draw(p.lag, w.lagChart, past.lag_ms, [], (ms) => (ms ? span(ms / 1000) : "–"), from);
}

// fill shows a list under its title; without entries it is hidden.
function fill(s, title, total, entries, make, update) {
  s.box.hidden = entries.length === 0;
  text(s.title, title);
  text(s.count, number(total));
  attr(s.rows, "aria-label", title);
  keyed(s.rows, withKeys(entries), (e) => e.key, make, update);
}

// Two entries may be alike in everything, so the key counts the likes.
function withKeys(entries) {
  const seen = new Map();
  return entries.map((e) => {
    const k = `${e.time ?? e.since ?? ""} ${e.name ?? ""} ${e.path ?? ""} ${e.operation ?? e.reason ?? ""}`;
    const n = seen.get(k) ?? 0;
    seen.set(k, n + 1);
    return { ...e, key: `${k} ${n}` };
  });
}

function makeLine() {
  const parts = { time: el("time", "muted"), name: el("bdi", "name"), note: el("span", "note-text") };
  const li = el("li", "", parts.time, parts.name, parts.note);
  li.parts = parts;
  return li;
}

function updateCauses(s, detail, last, now) {
  const w = words();
  fill(s, w.causes, (detail?.causes ?? []).length, detail?.causes ?? [], () => {
    const parts = { why: el("p", "why"), count: el("p", "muted"), said: el("p", "detail"), remedy: remedy(), names: el("p", "detail names"), hand: byHand() };
    const li = el("li", "cause", parts.why, parts.count, parts.said, parts.remedy, parts.names, parts.hand);
    li.parts = parts;
    return li;
  }, (li, c) => {
    const counts = [];
    if (c.paths) counts.push(w.failing(number(c.paths)));
    if (c.times) counts.push(w.failedLately(number(c.times), ago(now, c.last)));
    if (c.exit >= 0) counts.push(w.exit(c.exit));
    attr(li, "data-now", String(c.paths > 0));
    text(li.parts.why, visible(said(c.reason)));
    text(li.parts.count, counts.join(" · "));
    text(li.parts.said, visible(c.detail ?? ""));
    li.parts.said.hidden = !c.detail;
    setRemedy(li.parts.remedy, c.remedy, detail.lane.id, last.config_file);
    const names = (c.names ?? []).map((n, i) => visible(n, c.names_bytes?.[i]));
    if (c.paths > names.length && names.length > 0) names.push(w.more(number(c.paths - names.length)));
    text(li.parts.names, names.join("\n"));
    li.parts.names.hidden = names.length === 0;
    text(li.parts.hand.parts.code, c.command ?? "");
    li.parts.hand.hidden = !c.command;
  });
}

function updateEdges(p, lane, now) {
  const w = words();
  const list = lane.edges?.list ?? [];
  const shown = list.filter((e) => e.name.toLowerCase().includes(edge));
  fill(p.edges, w.edges, lane.edges?.known ?? 0, shown, makeLine, (li, e) => {
    const notes = [w.edgeState[e.state] ?? e.state];
    if (e.lag_seconds) notes.push(span(e.lag_seconds));
    if (e.failures) notes.push(w.failing(number(e.failures)));
    if (e.reason) notes.push(visible(said(e.reason)));
    if (e.remedy) notes.push(visible(said(e.remedy)));
    attr(li, "data-state", e.state);
    text(li.parts.time, w.edgeHeard(ago(now, e.heard)));
    text(li.parts.name, visible(e.name));
    text(li.parts.note, notes.join(" · "));
  });
  p.edges.box.hidden = list.length === 0;
  attr(p.find, "placeholder", w.edgesFind);
  attr(p.find, "aria-label", w.edgesFind);
}

function updatePending(s, detail, now) {
  const w = words();
  const waits = detail?.pending.waits ?? [];
  fill(s, w.pendingList, detail?.pending.total ?? 0, waits, makeLine, (li, e) => {
    const name = visible(e.path, e.path_bytes);
    text(li.parts.time, span(seconds(now, e.since)));
    text(li.parts.name, e.tree || name === "" ? `${name}/` : name);
    const notes = [];
    if (e.in_flight) notes.push(w.inFlight);
    if (e.deletion) notes.push(w.deletion);
    if (e.attempt) notes.push(w.attempts(number(e.attempt), visible(said(e.reason ?? ""))));
    const next = e.next_try ? (Date.parse(e.next_try) - now) / 1000 : 0;
    const held = e.reason && !e.attempt;
    if (held) notes.push(visible(said(e.reason)));
    if (next > 0) notes.push(held ? w.heldUntil(moment(new Date(e.next_try))) : w.nextTry(span(Math.ceil(next))));
    text(li.parts.note, notes.join(" · "));
  });
}

function updateTransfers(s, lane, names) {
  const w = words();
  const entries = names ? lane.transfers ?? [] : [];
  fill(s, w.transfers, entries.length, entries, makeLine, (li, e) => {
    text(li.parts.time, clock(new Date(e.time)));
    text(li.parts.name, visible(e.path, e.path_bytes) || "/");
    const many = e.files > 1 ? `${w.entries(number(e.files))}, ` : "";
    const bytes = e.operation === "deleted" ? "" : `, ${size(e.bytes)}`;
    text(li.parts.note, `${many}${w.op[e.operation] ?? e.operation}${bytes}, ${span(e.duration_seconds)}`);
  });
}

function updateDeletions(s, detail) {
  const w = words();
  const entries = detail?.deletions ?? [];
  fill(s, w.deletions, entries.length, entries, makeLine, (li, e) => {
    text(li.parts.time, moment(new Date(e.time)));
    text(li.parts.name, visible(e.path, e.path_bytes));
    text(li.parts.note, w.deletionCause[e.cause] ?? e.cause);
  });
}

function updateVerify(s, v, now) {
  const w = words();
  const rows = [];
  if (v) {
    for (const [kind, names, bytes] of [["differing", v.names, v.names_bytes], ["newer", v.newer_names, v.newer_names_bytes], ["extras", v.extras, v.extras_bytes]]) {
      (names ?? []).forEach((n, i) => rows.push({ path: visible(n, bytes?.[i]), kind }));
    }
    const equal = !v.error && !v.differing && !v.newer && !v.only_on_target;
    const what = v.error ? visible(said(v.error)) : equal ? w.noDifference : w.verified(number(v.differing), number(v.newer), number(v.only_on_target));
    rows.unshift({ time: v.time, what });
  }
  fill(s, w.verifyList, v ? v.differing + v.newer + v.only_on_target : 0, rows, makeLine, (li, e) => {
    text(li.parts.time, e.time ? ago(now, e.time) : "");
    text(li.parts.name, e.path ?? "");
    text(li.parts.note, e.what ?? w.verifyKind[e.kind]);
  });
}
