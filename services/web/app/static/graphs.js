// The live graphs: which there are, their numbers every five seconds, and plain words when there are none.

import { ApiError, get, pause } from "./api.js";
import { draw } from "./chart.js";
import { byId, element } from "./dom.js";
import { peak, summaries, worded } from "./series.js";

const EVERY = 5000; // milliseconds: the service itself asks Prometheus no more often
const AFTER_FAILURE = 10000;
const AWAY = "Prometheus is not there.";

/** The part of the page that shows how the shop does. */
export class Graphs {
  constructor() {
    this.shown = new Map();
    new ResizeObserver(() => this.redraw()).observe(byId("graph-list"));
  }

  /** Watch for ever. */
  async begin() {
    for (;;) {
      await pause((await this.read()) ? EVERY : AFTER_FAILURE);
    }
  }

  /** Read once; whether all went well. */
  async read() {
    const listed = await answered(get("/status"));
    if (listed instanceof ApiError) {
      this.state(false, listed.explanation);
      return false;
    }
    if (listed.items.length === 0) {
      this.state(false, "No data: this stack has no Prometheus that the page may ask.");
      return false;
    }
    this.arrange(listed.items);
    const asked = listed.items.map(({ name }) => answered(get(`/status/series?name=${encodeURIComponent(name)}`)));
    const found = await Promise.all(asked);
    listed.items.forEach(({ name }, index) => this.show(this.shown.get(name), found[index]));
    const failure = found.find((one) => one instanceof ApiError);
    this.state(!failure, failure ? `${AWAY} ${failure.explanation}` : "The last quarter of an hour, live.");
    return !failure;
  }

  /** One figure for each graph, in order; those that stay keep their place and their open table. */
  arrange(items) {
    const kept = new Map(items.map((item) => [item.name, this.shown.get(item.name) ?? figure(item)]));
    this.shown = kept;
    const figures = [...kept.values()].map((one) => one.root);
    const place = byId("graph-list");
    if (figures.length !== place.children.length || figures.some((one, index) => one !== place.children[index])) {
      place.replaceChildren(...figures);
    }
  }

  show(shown, found) {
    const failed = found instanceof ApiError;
    shown.root.classList.toggle("stale", failed);
    if (failed) {
      shown.root.dataset.state = "away";
      shown.note.textContent = shown.series ? `These numbers are old. ${AWAY}` : AWAY;
    } else {
      shown.series = found;
      const empty = peak(found) === null;
      shown.root.dataset.state = empty ? "empty" : "drawn";
      shown.note.textContent = empty ? "No data in the last quarter of an hour." : more(found);
      fill(shown);
    }
    shown.note.hidden = !shown.note.textContent;
  }

  redraw() {
    [...this.shown.values()].filter((one) => one.series).forEach((one) => draw(one.picture, one.series));
  }

  state(live, text) {
    const place = byId("graphs-state");
    place.dataset.live = String(live);
    place.dataset.whole = String(live);
    if (place.textContent !== text) {
      place.textContent = text; // said aloud only when it changes
    }
  }
}

/** What was answered, or the ApiError. */
async function answered(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiError) {
      return error;
    }
    throw error;
  }
}

/** The elements of one graph: a picture, its legend, and the same as a table for who does not see it. */
function figure({ name, title, unit, why }) {
  const picture = element("div", { class: "chart" });
  const legend = element("ul", { class: "traces", "aria-hidden": "true" });
  const note = element("p", { class: "quiet", "data-testid": "graph-note", hidden: true });
  const table = element("table", { "data-testid": "graph-table" });
  const caption = element("figcaption", {}, element("h3", {}, title), element("p", { class: "quiet" }, why));
  const region = { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, as a table` };
  const scroll = element("div", region, table);
  const details = element("details", {}, element("summary", {}, "As a table"), scroll);
  const attributes = { class: "panel graph", "data-testid": "graph", "data-graph": name };
  const root = element("figure", attributes, caption, picture, note, legend, details);
  return { root, picture, legend, note, table, unit, series: null };
}

function fill({ picture, legend, table, series }) {
  draw(picture, series);
  const rows = summaries(series);
  legend.replaceChildren(
    ...rows.map(({ label, now }, index) => {
      const sign = element("span", { class: `sign trace-${index}` });
      return element("li", {}, sign, `${label} `, element("b", {}, worded(now, series.unit)));
    }),
  );
  const head = element("thead", {}, row("th", "Line", "Now", "Least", "Most"));
  const body = rows.map(({ label, now, least, most }) =>
    row("td", label, ...[now, least, most].map((value) => worded(value, series.unit))),
  );
  table.replaceChildren(head, element("tbody", {}, ...body));
}

function row(tag, ...texts) {
  return element("tr", {}, ...texts.map((text) => element(tag, tag === "th" ? { scope: "col" } : {}, text)));
}

function more(series) {
  return series.left_out > 0 ? `The highest lines; ${series.left_out} more are left out.` : "";
}
