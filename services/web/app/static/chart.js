// One graph as an SVG picture: axes from 0, a line for each series, gaps where nothing is known.

import { svg } from "./dom.js";
import { ceiling, marked, peak, runs, summaries, worded } from "./series.js";

const HEIGHT = 170; // CSS pixels
const LEFT = 52;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 22;
const MINUTES = 5; // between the times on the axis

/** Draw `series` into `place`, as wide as that is; what was there goes. */
export function draw(place, series) {
  const width = Math.max(200, Math.floor(place.clientWidth));
  const top = ceiling(peak(series));
  const last = Math.max(1, ...series.lines.map((line) => line.values.length - 1));
  const x = (index) => LEFT + (index / last) * (width - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (Math.max(0, value) / top) * (HEIGHT - TOP - BOTTOM);
  const attributes = { class: "graph-picture", width, height: HEIGHT, role: "img", "aria-label": spoken(series) };
  const drawn = svg("svg", attributes, svg("title", {}, series.title), ...levels(top, series.unit, width, y));
  drawn.append(...times(series, last, x), ...series.lines.map((line, index) => trace(line, index, series, x, y)));
  place.replaceChildren(drawn);
}

/** What a screen reader says for the picture. */
function spoken(series) {
  const said = summaries(series).map(({ label, now }) => `${label} ${worded(now, series.unit)}`);
  return said.length ? `${series.title}, now: ${said.join(", ")}` : `${series.title}: no data`;
}

function levels(top, unit, width, y) {
  return [0, top / 2, top].map((value) =>
    svg(
      "g",
      { class: "level" },
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, marked(value, unit)),
    ),
  );
}

function times({ start, step }, last, x) {
  const each = Math.max(1, Math.round((MINUTES * 60) / step));
  const first = Math.ceil(start / (each * step)) * each - Math.round(start / step);
  const marks = [];
  for (let index = first; index <= last; index += each) {
    const at = new Date((start + index * step) * 1000);
    const text = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    marks.push(svg("text", { class: "moment", x: x(index), y: HEIGHT - 6, "text-anchor": "middle" }, text));
  }
  return marks;
}

/** A line with its gaps; a number that stands alone is a dot. */
function trace({ label, values }, index, series, x, y) {
  const path = runs(values).map((run) => {
    const points = run.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    return `M${points.join("L")}${points.length === 1 ? "h0.1" : ""}`;
  });
  const known = { class: `trace trace-${index}`, "data-testid": "graph-line", "data-line": label };
  return svg("path", { ...known, d: path.join("") }, svg("title", {}, label || series.title));
}
