// The search: where a file is, lane by lane.

import { attr, el, keyed, text, visible } from "./dom.js";
import { byHand, remedy, setRemedy } from "./copy.js";
import { destination } from "./facts.js";
import { moment, number, said, size, span, words } from "./words.js";

const $ = (id) => document.getElementById(id);

let found = null; // the last answer
let problem = ""; // or why there is none
let asking = false;

// watch has the form ask; get asks the server, and throws what it says against it.
export function watch(get, last) {
  $("find").addEventListener("submit", async (e) => {
    e.preventDefault();
    const path = $("find-path").value.trim();
    if (path === "" || asking) return;
    asking = true;
    found = null;
    problem = "";
    show(last());
    try {
      found = await get(`api/where?path=${encodeURIComponent(path)}`);
    } catch (err) {
      problem = err.message;
    }
    asking = false;
    show(last());
  });
}

const tones = { same: "good", older: "wait", newer: "wait", differs: "bad", missing: "bad", extra: "wait", unknown: "bad" };

export function show(last) {
  const w = words();
  const box = $("found");
  box.hidden = !asking && !found && !problem;
  if (box.hidden) return;
  if (!box.parts) {
    box.parts = { head: el("p", "found-head"), places: el("ul", "places"), close: el("button", "copy") };
    box.parts.close.type = "button";
    box.parts.close.addEventListener("click", () => { found = null; problem = ""; box.hidden = true; });
    box.append(box.parts.close, box.parts.head, box.parts.places);
  }
  const p = box.parts;
  text(p.close, w.close);
  p.close.hidden = asking;
  text(p.head, asking ? w.finding : problem ? visible(problem) : head(found, w));
  keyed(p.places, found?.places ?? [], (e) => `${e.lane} ${e.path}`, makePlace, (li, e) => updatePlace(li, e, last));
}

// head says what stands here.
function head(answer, w) {
  const lines = new Map();
  for (const e of answer.places) {
    const path = visible(e.root, e.root_bytes) + (e.path ? `/${visible(e.path, e.path_bytes)}` : "");
    lines.set(path, `${path}: ${copyText(e.here, w)}`);
  }
  return [...lines.values()].join("\n");
}

function copyText(c, w) {
  if (!c) return w.notHere;
  const parts = [w.kind[c.kind] ?? c.kind];
  if (c.kind === "file") parts.push(size(c.size));
  if (c.modified) parts.push(moment(new Date(c.modified)));
  return parts.join(", ");
}

function makePlace() {
  const parts = { chip: el("span", "chip"), remote: el("bdi", "name"), there: el("span", "muted"), notes: el("p", "place-notes"), remedy: remedy(), hand: byHand() };
  const li = el("li", "", el("div", "place-head", parts.chip, parts.remote, parts.there), parts.notes, parts.remedy, parts.hand);
  li.parts = parts;
  return li;
}

function updatePlace(li, e, last) {
  const w = words();
  const p = li.parts;
  const absent = e.verdict === "same" && !e.here;
  attr(li, "data-tone", e.waiting && e.verdict !== "unknown" ? "wait" : tones[e.verdict] ?? "wait");
  text(p.chip, absent ? w.verdictAbsent : w.whereVerdict[e.verdict] ?? e.verdict);
  text(p.remote, e.remote_bytes ? visible(e.remote, e.remote_bytes) : visible(destination(e.lane, e.root, e.remote)));
  text(p.there, e.there?.modified && e.verdict !== "same" ? copyText(e.there, w) : e.verdict === "same" && e.here ? (e.contents ? w.byContents : w.byTimes) : "");
  if (e.edges) text(p.there, onEdges(e.edges, w));
  const notes = [];
  if (e.verdict === "unknown") notes.push(visible(said(e.reason ?? "")), visible(e.detail ?? ""));
  if (e.excluded) notes.push(excludedText(e.excluded, w));
  if (e.writing) notes.push(w.writing);
  if (e.waiting) notes.push(waitText(e.waiting, e, w));
  if (e.below) notes.push(w.below(number(e.below)));
  text(p.notes, notes.filter(Boolean).join("\n"));
  p.notes.hidden = notes.length === 0;
  setRemedy(p.remedy, e.waiting?.remedy || e.remedy, e.lane, last?.config_file);
  text(p.hand.parts.code, e.waiting?.command ?? "");
  p.hand.hidden = !e.waiting?.command;
}

// onEdges says which edges of a stream lack a path.
function onEdges(e, w) {
  if (e.lacking === 0) return w.onEdges(number(e.known));
  const names = (e.names ?? []).map((n) => visible(n));
  if (e.lacking > names.length) names.push(w.more(number(e.lacking - names.length)));
  return (e.exact ? w.notOnEdges : w.perhapsNotOnEdges)(number(e.lacking), number(e.known), names.join(", "));
}

function excludedText(x, w) {
  const at = x.file && x.line ? ` (${visible(x.file)}:${x.line})` : "";
  return `${w.excludedBy[x.by] ?? x.by}${x.text ? ` ${visible(x.text).replaceAll("\\\\", "\\")}` : ""}${at}`;
}

function waitText(t, e, w) {
  const since = span((Date.now() - Date.parse(t.since)) / 1000);
  const parts = [t.in_flight ? w.inFlightSince(since) : w.waitsFor(since)];
  if (t.path !== e.path || t.path_bytes !== e.path_bytes) parts.push(w.with(visible(t.path, t.path_bytes) || "/"));
  if (t.attempt) parts.push(w.attempts(number(t.attempt), visible(said(t.reason ?? ""))));
  else if (t.reason && t.next_try) parts.push(visible(said(t.reason)), w.heldUntil(moment(new Date(t.next_try))));
  return parts.join(w.list);
}
