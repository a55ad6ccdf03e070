// Small pictures of what has been: one path of bars each, so that an opened lane
// costs a few path updates, and a table of two hundred lanes one for each row.

import { attr, el, svg, text } from "./dom.js";
import { words } from "./words.js";

const width = 240;
const height = 56;

export function chart(kind) {
  const title = el("span", "chart-title");
  const most = el("span", "muted");
  const gaps = svg("path", { class: "gaps" });
  const bars = svg("path", { class: "bars" });
  const marks = svg("path", { class: "marks" });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", class: "plot" },
    svg("path", { class: "base", d: `M0 ${height - 0.5}H${width}M0 ${height / 2}H${width}M0 0.5H${width}` }), gaps, bars, marks);
  const left = el("span");
  const right = el("span");
  const box = el("figure", `chart ${kind}`,
    el("figcaption", "chart-head", title, most), picture, el("div", "chart-foot muted", left, right));
  box.parts = { title, most, gaps, bars, marks, picture, left, right };
  return box;
}

// column is one bar as a closed shape, so that it grows with the picture.
const column = (x, wide, top) => `M${x.toFixed(2)} ${height}V${top.toFixed(1)}h${wide.toFixed(2)}V${height}z`;

// draw shows values, a mark at the top of each step that has one, and where
// nothing is known (-1) a shade.
export function draw(box, name, values, marked, show, from) {
  const p = box.parts;
  const most = Math.max(0, ...values);
  const step = width / values.length;
  const gap = step > 2 ? step * 0.18 : 0;
  let bars = "";
  let marks = "";
  let gaps = "";
  for (let i = 0; i < values.length; i++) {
    const x = i * step;
    if (values[i] > 0) bars += column(x + gap / 2, step - gap, height - Math.max(2, (values[i] / most) * (height - 7)));
    if (values[i] < 0) gaps += `M${x.toFixed(2)} 0h${step.toFixed(2)}V${height}h${(-step).toFixed(2)}z`;
    if (marked[i] > 0) marks += `M${x.toFixed(2)} 0h${step.toFixed(2)}v4h${(-step).toFixed(2)}z`;
  }
  attr(p.bars, "d", bars);
  attr(p.marks, "d", marks);
  attr(p.gaps, "d", gaps);
  const w = words();
  text(p.title, name);
  text(p.most, w.most(show(most)));
  text(p.left, w.ago(from));
  text(p.right, w.now);
  attr(p.picture, "aria-label", w.chartLabel(name, from, show(most)));
}

const sparkWidth = 90;
const sparkHeight = 18;

// spark is the picture in a row of the table; its numbers stand beside it.
export function spark() {
  const bars = svg("path", { class: "bars" });
  const marks = svg("path", { class: "marks" });
  const box = svg("svg", { viewBox: `0 0 ${sparkWidth} ${sparkHeight}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" },
    svg("path", { class: "base", d: `M0 ${sparkHeight - 0.5}H${sparkWidth}` }), bars, marks);
  box.parts = { bars, marks };
  return box;
}

export function drawSpark(box, values, marked) {
  const most = Math.max(1, ...values);
  const step = sparkWidth / Math.max(1, values.length);
  let bars = "";
  let marks = "";
  for (let i = 0; i < values.length; i++) {
    const x = i * step;
    if (values[i] > 0) bars += `M${x.toFixed(1)} ${sparkHeight}V${(sparkHeight - Math.max(1.5, (values[i] / most) * (sparkHeight - 3))).toFixed(1)}h${(step * 0.8).toFixed(1)}V${sparkHeight}z`;
    if (marked[i] > 0) marks += `M${x.toFixed(1)} 0h${(step * 0.8).toFixed(1)}v3h${(-step * 0.8).toFixed(1)}z`;
  }
  attr(box.parts.bars, "d", bars);
  attr(box.parts.marks, "d", marks);
}
