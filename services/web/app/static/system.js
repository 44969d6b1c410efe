// The live picture of the system: read every second, drawn, and told in words.

import { ApiError, get, pause } from "./api.js";
import { changes, keyOf, vanished } from "./changes.js";
import { byId, element } from "./dom.js";
import { Picture } from "./picture.js";

const EVERY = 1000; // milliseconds
const AFTER_FAILURE = 3000;
const MOST_CHANGES = 8;

/** The part of the page that shows what runs behind it. */
export class System {
  constructor() {
    this.topology = null;
    this.chosen = null;
    this.picture = new Picture(byId("picture"), (key) => {
      this.chosen = key;
      this.showPods();
    });
    const resized = new ResizeObserver(() => this.topology && this.picture.show(this.topology, []));
    resized.observe(byId("picture").parentElement);
  }

  /** Watch for ever. */
  async begin() {
    for (;;) {
      await pause((await this.read()) ? EVERY : AFTER_FAILURE);
    }
  }

  /** Read once; whether it went well. */
  async read() {
    try {
      this.take(await get("/api/topology"));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      const since = this.topology ? ` The picture is of ${time(this.topology.at)}.` : "";
      this.state(false, `${error.explanation}${since}`);
      return false;
    }
  }

  take(topology) {
    const before = this.topology;
    this.topology = topology;
    this.picture.show(topology, vanished(before, topology));
    this.tell(changes(before, topology), topology.at);
    this.showPods();
    const short = topology.nodes.filter((node) => node.ready < node.desired).map((node) => node.name);
    const pods = topology.nodes.reduce((so, node) => so + node.ready, 0);
    this.state(true, short.length ? `Not whole: ${short.join(", ")}.` : `All well: ${pods} pods ready.`);
    byId("system-state").dataset.whole = String(short.length === 0);
  }

  state(live, text) {
    const place = byId("system-state");
    byId("system").classList.toggle("stale", !live);
    place.dataset.live = String(live);
    if (place.textContent !== text) {
      place.textContent = text; // said aloud only when it changes
    }
  }

  tell(list, at) {
    const told = list.map(({ mood, text }) =>
      element("li", { class: mood }, element("time", { datetime: at }, time(at)), element("span", {}, text)),
    );
    const place = byId("changes");
    place.prepend(...told.reverse());
    [...place.children].slice(MOST_CHANGES).forEach((old) => old.remove());
    byId("changes-empty").hidden = place.children.length > 0;
  }

  /** The pods of the chosen service. */
  showPods() {
    const node = this.topology?.nodes.find((one) => keyOf(one) === this.chosen);
    byId("service-title").textContent = node ? `Pods of ${node.name}` : "Pods";
    byId("service-hint").hidden = Boolean(node);
    byId("pods").parentElement.hidden = !node;
    const rows = (node?.pods ?? []).map((pod) =>
      row("td", pod.name, pod.ready ? "ready" : "not ready", pod.node || "none yet", String(pod.restarts), pod.version),
    );
    const head = element("thead", {}, row("th", "Pod", "State", "Node", "Restarts", "Version"));
    const table = byId("pods");
    const made = element("table", {}, head, element("tbody", {}, ...rows));
    if (table.textContent !== made.textContent) {
      table.replaceChildren(...made.children);
    }
  }
}

function row(tag, ...texts) {
  return element("tr", {}, ...texts.map((text) => element(tag, tag === "th" ? { scope: "col" } : {}, text)));
}

function time(at) {
  return new Date(at).toLocaleTimeString();
}
