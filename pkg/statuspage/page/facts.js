// What the page says of one lane in a few words, for the table and for what opens.

import { number, span, words } from "./words.js";

export const differences = (lane) => lane.differences ?? [];

export const troubled = (lane) => lane.state === "backing-off" || lane.state === "degraded" || lane.failing > 0 || differences(lane).length > 0;

export const differs = (d) => words().differs[d.kind]?.(number(d.count)) ?? `${d.kind}: ${number(d.count)}`;

// condition is what is to be known about a lane in a few words.
export function condition(lane) {
  const w = words();
  if (lane.state === "backing-off") return w.state[lane.state];
  if (differences(lane).length > 0) return differences(lane).map(differs).join(w.list);
  return lane.failing > 0 ? w.failing(number(lane.failing)) : w.state[lane.state] ?? lane.state;
}

export function tone(lane) {
  if (troubled(lane)) return "bad";
  if (amiss(lane) > 0) return "wait";
  return lane.state === "in-sync" ? "good" : lane.state === "syncing" ? "busy" : "wait";
}

// amiss is how many edges of a lane's stream a person should look at.
export const amiss = (lane) => (lane.edges?.by_state.trouble ?? 0) + (lane.edges?.by_state.silent ?? 0);

// edgesText says how many edges are how.
export function edgesText(edges) {
  const w = words();
  if (edges.known === 0) return w.noEdges;
  return ["in-sync", "behind", "comparing", "silent", "trouble"].filter((s) => edges.by_state[s]).map((s) => `${number(edges.by_state[s])} ${w.edgeState[s]}`).join(w.list);
}

// severity orders the table: what fails comes first, then what waits.
export const severity = (lane) => ({ bad: 0, wait: 1, busy: 2, good: 2 })[tone(lane)];

export const seconds = (now, then) => (then ? Math.max(0, (now - Date.parse(then)) / 1000) : 0);

export const ago = (now, then) => (then ? words().ago(span(seconds(now, then))) : words().never);

export const waiting = (lane) => lane.pending + lane.in_flight;

export const lag = (now, lane) => Math.max(seconds(now, lane.full_sync_since), waiting(lane) + lane.failing > 0 ? seconds(now, lane.oldest_pending) : 0);

// destination is the remote of a lane, with the port by which two lanes to one host
// differ: the id has it behind the name.
export function destination(id, root, remote) {
  const name = `${root}#${remote}`;
  return id.startsWith(`${name}:`) ? id.slice(root.length + 1) : remote;
}

export const sum = (list) => (list ?? []).reduce((a, b) => a + b, 0);
