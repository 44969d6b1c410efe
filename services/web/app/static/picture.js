// The picture of the topology. What stays is kept, so that focus and movements survive each new reading.

import { keyOf } from "./changes.js";
import { svg } from "./dom.js";
import { layout } from "./layout.js";

const DOT = 5.5; // radius in CSS pixels
const STEP = 17;
const COMPACT = 120; // a box less wide than this
const SHORT = 50; // a line too short to have its protocol beside it
const MOURNED = 6000; // milliseconds that a pod which is gone stays in the picture

/** The picture in `root`; `chosen` is told the key of the service that the visitor chooses. */
export class Picture {
  constructor(root, chosen) {
    this.root = root;
    this.chosen = chosen;
    this.frames = svg("g");
    this.edges = svg("g");
    this.labels = svg("g", { "aria-hidden": "true" });
    this.nodes = svg("g");
    this.boxes = new Map();
    this.gone = new Map();
    this.shape = "";
    this.marked = null;
    root.append(arrow(), this.frames, this.edges, this.nodes, this.labels);
  }

  /** Show a reading; `vanished` are the pods that were in the one before and are not in this. */
  show(topology, vanished) {
    const now = performance.now();
    for (const pod of vanished) {
      this.gone.set(pod.name, { ...pod, until: now + MOURNED });
    }
    for (const [name, pod] of this.gone) {
      if (pod.until < now) {
        this.gone.delete(name);
      }
    }
    this.arrange(topology);
    for (const node of topology.nodes) {
      this.fill(this.boxes.get(keyOf(node)), node);
    }
  }

  /** Mark a service and its lines; null marks none. */
  mark(key) {
    this.marked = key;
    for (const [one, box] of this.boxes) {
      box.root.classList.toggle("marked", one === key);
      box.root.setAttribute("aria-pressed", String(one === key));
    }
    this.dim(key);
  }

  /** Let the lines of a service stand out; null lets all be alike. */
  dim(key) {
    this.root.classList.toggle("choosing", key !== null);
    for (const line of this.root.querySelectorAll("[data-from]")) {
      line.classList.toggle("near", line.dataset.to === key || line.dataset.from.split(" ").includes(key));
    }
  }

  /** Draw frames and lines, and place the boxes, if what is there or the room for it has changed. */
  arrange({ nodes, edges }) {
    const width = Math.floor(this.root.parentElement.clientWidth);
    const keys = new Map([...nodes].reverse().map((node) => [node.name, keyOf(node)]));
    const keyed = edges.map((edge) => ({ from: keys.get(edge.from), to: keys.get(edge.to), protocol: edge.protocol }));
    const shape = JSON.stringify([width, nodes.map(keyOf), keyed]);
    if (shape === this.shape) {
      return;
    }
    this.shape = shape;
    const plan = layout(nodes.map((node) => ({ key: keyOf(node), namespace: node.namespace })), keyed, width);
    this.root.setAttribute("width", plan.width);
    this.root.setAttribute("height", plan.height);
    this.frames.replaceChildren(...plan.frames.map(drawnFrame));
    this.edges.replaceChildren(...plan.lines.map(drawnLine));
    this.labels.replaceChildren(...labels(plan));
    this.place(nodes, plan.places);
    this.mark(this.boxes.has(this.marked) ? this.marked : null);
  }

  place(nodes, places) {
    const kept = new Map(nodes.map((node) => [keyOf(node), this.boxes.get(keyOf(node)) ?? this.box(node)]));
    for (const [key, box] of this.boxes) {
      if (!kept.has(key)) {
        box.root.remove();
      }
    }
    this.boxes = kept;
    for (const [key, box] of kept) {
      const { x, y, width, height } = places.get(key);
      box.width = width;
      box.root.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      box.frame.setAttribute("width", width);
      box.frame.setAttribute("height", height);
      box.count.setAttribute("x", width - 10);
      box.count.setAttribute("y", width < COMPACT ? 50 : 24); // beside the name if there is room, else beside the dots
      box.root.classList.toggle("compact", width < COMPACT);
      box.root.isConnected || this.nodes.append(box.root);
    }
  }

  box(node) {
    const key = keyOf(node);
    const frame = svg("rect", { rx: 10 });
    const name = svg("text", { x: 10, y: 24, class: "title" }, node.name);
    const count = svg("text", { class: "ratio", "text-anchor": "end" });
    const dots = svg("g", { transform: "translate(16 46)" });
    const choose = () => {
      this.mark(this.marked === key ? null : key);
      this.chosen(this.marked);
    };
    const root = svg(
      "g",
      {
        class: "node", tabindex: 0, role: "button", "data-testid": "topology-node", "data-node": node.name,
        click: choose,
        keydown: (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            choose();
          }
        },
        mouseenter: () => this.dim(key), mouseleave: () => this.dim(this.marked),
        focus: () => this.dim(key), blur: () => this.dim(this.marked),
      },
      frame, name, count, dots,
    );
    return { root, frame, count, dots, width: 0, pods: new Map() };
  }

  fill(box, node) {
    const { root, count, dots, pods } = box;
    const whole = node.desired > 0 && node.ready >= node.desired;
    root.dataset.ready = String(node.ready);
    root.dataset.desired = String(node.desired);
    root.dataset.state = whole ? "whole" : node.ready > 0 ? "part" : node.desired > 0 ? "down" : "none";
    root.setAttribute("aria-label", `${node.name} in ${node.namespace}: ${node.ready} of ${node.desired} pods ready`);
    count.textContent = `${node.ready}/${node.desired}`;
    const gone = [...this.gone.values()].filter((pod) => pod.service === keyOf(node));
    const shown = new Map([...node.pods, ...gone.map((pod) => ({ ...pod, gone: true }))].map((pod) => [pod.name, pod]));
    for (const [name, dot] of pods) {
      if (!shown.has(name)) {
        dot.remove();
        pods.delete(name);
      }
    }
    const perRow = Math.max(1, Math.floor((box.width - 32) / STEP) + 1);
    [...shown.values()].forEach((pod, index) => {
      const dot = pods.get(pod.name) ?? podDot(pod.name);
      pods.set(pod.name, dot);
      redraw(dot, pod, index, perRow, shown.size);
      dot.isConnected || dots.append(dot);
    });
  }
}

function podDot(name) {
  const attributes = { class: "place", "data-testid": "topology-pod", "data-pod": name };
  return svg("g", attributes, svg("title"), svg("g", { class: "sign" }));
}

/** Show a pod as it is: three signs that differ in shape as well as in colour. */
function redraw(dot, pod, index, perRow, count) {
  const rows = Math.ceil(count / perRow);
  const y = rows === 1 ? 0 : (Math.floor(index / perRow) - (rows - 1) / 2) * Math.min(14, 26 / rows);
  dot.setAttribute("transform", `translate(${(index % perRow) * STEP} ${y})`);
  const state = pod.gone ? "gone" : pod.ready ? "ready" : "waiting";
  const words = { gone: "gone", ready: "ready", waiting: "not ready" }[state];
  const place = pod.node || "no node yet";
  dot.querySelector("title").textContent = `${pod.name}: ${words}, on ${place}, ${pod.restarts} restarts`;
  if (dot.dataset.state === state) {
    return;
  }
  dot.dataset.state = state;
  const sign = pod.gone
    ? svg("path", { class: "pod gone", d: "M-4-4 4 4M4-4-4 4" })
    : svg("circle", { class: `pod ${state}`, r: DOT });
  dot.querySelector(".sign").replaceChildren(sign);
}

function drawnFrame({ name, x, y, width, height }) {
  return svg(
    "g",
    { class: "frame" },
    svg("rect", { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1, rx: 16 }),
    svg("text", { x: x + 16, y: y + 21 }, name),
  );
}

function drawnLine({ from, to, path, protocol }) {
  const title = svg("title", {}, `${from} to ${to}: ${protocol}`);
  const attributes = { class: "line", d: path, "marker-end": "url(#arrow)", "data-testid": "topology-edge" };
  return svg("path", { ...attributes, "data-from": from, "data-to": to, "data-protocol": protocol }, title);
}

/** The protocol of the lines that arrive at one side of a box, beside them; once, however many they are. */
function labels({ lines, places }) {
  const groups = new Map();
  for (const line of lines) {
    const name = `${line.to} ${line.protocol}`;
    groups.set(name, [...(groups.get(name) ?? []), line]);
  }
  return [...groups.values()].map((group) => {
    const first = group.reduce((least, line) => (line.tip.y - line.tip.x < least.tip.y - least.tip.x ? line : least));
    const { x, y } = first.tip;
    const top = places.get(first.to).y;
    const besides = first.run < SHORT ? [x, top - 7, "middle"] : [x - 9, y - 7, "end"];
    const [left, base, anchor] = y <= top ? [x + 7, y - 7, "start"] : besides;
    const ends = { "data-from": group.map((line) => line.from).join(" "), "data-to": first.to };
    return svg("text", { class: "protocol", x: left, y: base, "text-anchor": anchor, ...ends }, first.protocol);
  });
}

function arrow() {
  const marker = { id: "arrow", viewBox: "0 0 8 8", refX: 4, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  return svg("defs", {}, svg("marker", marker, svg("path", { class: "arrow", d: "M1 1 7 4 1 7z" })));
}
