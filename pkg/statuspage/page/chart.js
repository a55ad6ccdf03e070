// Small pictures of the last ten minutes: one path of bars each, so that fifty
// lanes cost fifty path updates a second.

import { attr, el, svg, text } from "./dom.js";
import { words } from "./words.js";

const width = 240;
const height = 44;

export function chart(kind) {
  const title = el("span");
  const most = el("span", "muted");
  const bars = svg("path", { class: "bars" });
  const marks = svg("path", { class: "marks" });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", class: "plot" },
    svg("path", { class: "base", d: `M0 ${height - 0.5}H${width}` }), bars, marks);
  const left = el("span");
  const right = el("span");
  const box = el("div", `chart ${kind}`,
    el("div", "chart-head", title, most), picture, el("div", "chart-foot muted", left, right));
  box.parts = { title, most, bars, marks, picture, left, right };
  return box;
}

// draw shows values, and a mark at the top of each bucket that has one.
export function draw(box, name, values, marked, show) {
  const p = box.parts;
  const most = Math.max(0, ...values);
  const step = width / values.length;
  let bars = "";
  let marks = "";
  for (let i = 0; i < values.length; i++) {
    const x = (i + 0.5) * step;
    if (values[i] > 0) {
      const y = height - 1 - Math.max(1.5, (values[i] / most) * (height - 6));
      bars += `M${x} ${height - 1}V${y.toFixed(1)}`;
    }
    if (marked[i] > 0) marks += `M${x} 0V4`;
  }
  attr(p.bars, "d", bars);
  attr(p.marks, "d", marks);
  const w = words();
  text(p.title, name);
  text(p.most, w.most(show(most)));
  text(p.left, w.chartSpan);
  text(p.right, w.now);
  attr(p.picture, "aria-label", w.chartLabel(name, show(most)));
}
