// The table of lanes: one row each, what fails first, and below a row what opens
// with it.

import { attr, el, keyed, text, visible } from "./dom.js";
import { drawSpark, spark } from "./chart.js";
import { ago, amiss, condition, destination, lag, severity, sum, tone, troubled, waiting } from "./facts.js";
import { makeDetail, updateDetail } from "./detail.js";
import { moment, number, said, span, words } from "./words.js";

const $ = (id) => document.getElementById(id);

let kind = "all"; // which lanes are shown
let wanted = ""; // text that their names hold
let opened = ""; // id of the lane that is open
let changed = () => {}; // asks for another look

export const openedLane = () => opened;

// kinds are what the buttons above the table choose.
const kinds = {
  all: () => true,
  failing: troubled,
  waiting: (l) => waiting(l) > 0 || l.state === "full-sync" || l.state === "starting",
};

// watch has the table's controls call again after a change.
export function watch(again) {
  changed = again;
  $("filter").addEventListener("input", (e) => {
    wanted = e.target.value.trim().toLowerCase();
    again();
  });
  for (const k of Object.keys(kinds)) {
    const b = el("button", "kind");
    b.type = "button";
    b.dataset.kind = k;
    b.append(el("span"), el("span", "count"));
    b.addEventListener("click", () => { kind = k; again(); });
    $("kinds").append(b);
  }
}

const matches = (l) => wanted === "" || `${l.number} ${l.root} ${l.remote} ${l.state} ${words().state[l.state] ?? ""}`.toLowerCase().includes(wanted);

// show brings the table up to date; detail is the answer about the opened lane.
export function show(last, detail, now) {
  const w = words();
  const all = last.lanes.map((l, i) => ({ ...l, number: i + 1 }));
  for (const b of $("kinds").children) {
    attr(b, "aria-pressed", String(b.dataset.kind === kind));
    text(b.children[0], w.kinds[b.dataset.kind]);
    text(b.children[1], number(all.filter(kinds[b.dataset.kind]).length));
  }
  attr($("kinds"), "aria-label", w.kindsLabel);
  const shown = all.filter((l) => kinds[kind](l) && matches(l) || l.id === opened)
    .sort((a, b) => severity(a) - severity(b) || a.number - b.number);
  const several = last.roots.length > 1;
  const rows = [];
  for (const l of shown) {
    rows.push({ lane: l, key: l.id });
    if (l.id === opened) rows.push({ lane: l, key: `open ${l.id}`, open: true });
  }
  keyed($("rows"), rows, (r) => r.key, (r) => (r.open ? makeOpened(r.lane) : makeRow(r.lane)), (e, r) => {
    if (r.open) updateOpened(e, r.lane, detail, last, now);
    else updateRow(e, r.lane, now, several);
  });
  $("no-lanes").hidden = shown.length > 0;
  text($("no-lanes"), all.length === 0 ? w.noLanes : w.noMatch);
}

function makeRow(lane) {
  const chip = el("span", "chip");
  const button = el("button", "open");
  button.type = "button";
  const root = el("bdi", "name muted");
  const remote = el("bdi", "name remote");
  const why = el("span", "row-why");
  button.append(el("span", "lane-name", root, el("span", "arrow", "→"), remote));
  const cell = (name) => el("td", `n ${name}`, el("span"));
  const cells = { waiting: cell("c-waiting"), lag: cell("c-lag"), failing: cell("c-failing"), success: cell("c-success"), latency: cell("c-latency") };
  const picture = spark();
  const files = el("span", "spark-n");
  const th = el("th", "c-lane", button, why);
  th.scope = "row";
  const row = el("tr", "lane", el("td", "c-state", chip), th, ...Object.values(cells), el("td", "c-files", picture, files));
  row.parts = { chip, button, root, remote, why, cells, picture, files };
  row.addEventListener("click", (e) => {
    if (String(getSelection()) === "" || e.target.closest("button")) toggle(lane.id);
  });
  return row;
}

function toggle(id) {
  opened = opened === id ? "" : id;
  changed(true);
}

function updateRow(row, lane, now, several) {
  const p = row.parts;
  const w = words();
  attr(row, "data-tone", tone(lane));
  attr(row, "data-state", lane.state);
  attr(p.button, "aria-expanded", String(lane.id === opened));
  text(p.chip, w.state[lane.state] ?? lane.state);
  text(p.root, visible(lane.root, lane.root_bytes));
  p.root.parentElement.classList.toggle("several", several);
  text(p.remote, lane.remote_bytes ? visible(lane.remote, lane.remote_bytes) : visible(destination(lane.id, lane.root, lane.remote)));
  const until = lane.reason && lane.next_try && lane.state !== "backing-off" ? `, ${w.heldUntil(moment(new Date(lane.next_try)))}` : "";
  const why = lane.reason ? visible(said(lane.reason)) + until : troubled(lane) ? condition(lane) : amiss(lane) ? w.edgesAmiss(number(amiss(lane)), number(lane.edges.known)) : "";
  text(p.why, why);
  const label = (cell, name, value) => {
    attr(cell, "data-label", name);
    text(cell.firstChild, value);
  };
  const l = lane.latency;
  const wait = lag(now, lane);
  label(p.cells.waiting, w.pending, number(waiting(lane)));
  label(p.cells.lag, w.laneLag, wait ? span(wait) : "–");
  label(p.cells.failing, w.colFailing, number(lane.failing));
  attr(p.cells.failing, "data-some", String(lane.failing > 0));
  label(p.cells.success, w.lastSuccess, ago(now, lane.last_success));
  label(p.cells.latency, w.latency, l.count ? `${span(l.p50_seconds)} / ${span(l.p95_seconds)}` : "–");
  drawSpark(p.picture, lane.series.files ?? [], lane.series.failures ?? []);
  text(p.files, number(sum(lane.series.files)));
}

function makeOpened() {
  const detail = makeDetail();
  const cell = el("td", "", detail);
  cell.colSpan = 8;
  const row = el("tr", "opened", cell);
  row.parts = { detail };
  return row;
}

function updateOpened(row, lane, detail, last, now) {
  attr(row, "data-tone", tone(lane));
  updateDetail(row.parts.detail, lane, detail?.lane.id === lane.id ? detail : null, last, now);
}
