// Where each service of the picture stands. Pure functions, all in CSS pixels.
//
// A namespace is a band: from left to right where there is room, else from top to bottom. In a band that holds many
// services, those that others of the band call stand behind them. lines.js draws the lines between them.

import { lines } from "./lines.js";

const WIDE_FROM = 860;
const BOX = { width: 148, height: 66 };
const GAP = 28; // between the boxes of a column
const NARROW_GAP = 14; // between the boxes of a row
const NARROW_LEAST = 90; // the least width of a box
const ROW_GAP = 42;
const PAD = 18; // between a band and its boxes
const HEAD = 30; // of a band, for its name
const BETWEEN = 40; // bands
const FEW = 3; // so many services of a band stand in one line

/** Places of `nodes` ({key, namespace}) and ways of `edges` ({from, to}: keys) in a picture of this width. */
export function layout(nodes, edges, width) {
  const bands = groups(nodes, edges);
  return width >= WIDE_FROM ? wide(bands, edges, width) : narrow(bands, edges, width);
}

/** Bands of ranks of keys. */
function groups(nodes, edges) {
  const names = [...new Set(nodes.map((node) => node.namespace))];
  return names.map((name) => {
    const keys = nodes.filter((node) => node.namespace === name).map((node) => node.key);
    const inner = edges.filter((edge) => keys.includes(edge.from) && keys.includes(edge.to));
    return { name, ranks: keys.length <= FEW ? [keys] : ranked(keys, inner) };
  });
}

/** Keys by how many calls lead to them; those that neither call nor are called fill the shorter ranks. */
function ranked(keys, edges) {
  const ranks = [[]];
  const alone = (key) => !edges.some((edge) => edge.from === key || edge.to === key);
  for (const key of keys.filter((one) => !alone(one))) {
    const rank = depth(key, edges, new Set());
    while (ranks.length <= rank) {
      ranks.push([]);
    }
    ranks[rank].push(key);
  }
  for (const key of keys.filter(alone)) {
    ranks.reduce((least, rank) => (rank.length < least.length ? rank : least)).push(key);
  }
  return ranks.filter((rank) => rank.length > 0);
}

/** The length of the longest way of calls to `key`; a circle is cut where it closes. */
function depth(key, edges, seen) {
  const callers = edges.filter((edge) => edge.to === key && edge.from !== key && !seen.has(edge.from));
  return Math.max(0, ...callers.map((edge) => 1 + depth(edge.from, edges, new Set([...seen, key]))));
}

function wide(bands, edges, width) {
  const columns = bands.flatMap((band) => band.ranks);
  const most = Math.max(...columns.map((column) => column.length));
  const height = HEAD + column(most) + 2 * PAD;
  const taken = columns.length * BOX.width + bands.length * 2 * PAD;
  const between = Math.max(BETWEEN, (width - taken) / Math.max(1, columns.length - 1));
  const places = new Map();
  const frames = [];
  let x = 0;
  for (const band of bands) {
    const left = x;
    x += PAD;
    for (const keys of band.ranks) {
      const top = HEAD + PAD + (column(most) - column(keys.length)) / 2;
      keys.forEach((key, index) => places.set(key, { x, y: top + index * (BOX.height + GAP), ...BOX }));
      x += BOX.width + between;
    }
    x += PAD;
    frames.push({ name: band.name, x: left, y: 0, width: x - between - left, height });
  }
  const drawn = lines(edges, tracks(columns, places), false);
  return { width: Math.max(width, x - between), height, frames, places, lines: drawn };
}

/** The height of so many boxes above each other. */
function column(count) {
  return count * (BOX.height + GAP) - GAP;
}

function narrow(bands, edges, width) {
  const inside = width - 2 * PAD;
  const perRow = Math.max(1, Math.min(4, Math.floor((inside + NARROW_GAP) / (NARROW_LEAST + NARROW_GAP))));
  const box = { width: (inside - (perRow - 1) * NARROW_GAP) / perRow, height: BOX.height };
  const places = new Map();
  const frames = [];
  const rows = [];
  let y = 0;
  for (const band of bands) {
    const top = y;
    y += HEAD + PAD;
    for (const row of band.ranks.flatMap((keys) => chunks(keys, perRow))) {
      const left = PAD + ((perRow - row.length) * (box.width + NARROW_GAP)) / 2;
      row.forEach((key, index) => places.set(key, { x: left + index * (box.width + NARROW_GAP), y, ...box }));
      rows.push(row);
      y += box.height + ROW_GAP;
    }
    y += PAD - ROW_GAP;
    frames.push({ name: band.name, x: 0, y: top, width, height: y - top });
    y += BETWEEN;
  }
  const drawn = lines(edges, tracks(rows, places), true);
  return { width, height: y - BETWEEN, frames, places, lines: drawn };
}

function chunks(list, size) {
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, index) => list.slice(index * size, (index + 1) * size));
}

/** The columns or rows as lists of boxes with their keys. */
function tracks(keys, places) {
  return keys.map((track) => track.map((key) => ({ key, ...places.get(key) })));
}
