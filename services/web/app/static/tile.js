// A picture for each product, drawn from its SKU: the same product always looks the same.

import { svg } from "./dom.js";

const COLUMNS = 6;
const ROWS = 3;
const CELL = 40;

const SHAPES = [
  () => svg("circle", { cx: 20, cy: 20, r: 20 }),
  () => svg("circle", { cx: 20, cy: 20, r: 9 }),
  () => svg("path", { d: "M0 0h40v40z" }),
  () => svg("path", { d: "M0 0a40 40 0 0 1 40 40H0z" }),
  () => svg("path", { d: "M0 0a40 40 0 0 1 40 40H0z" }),
  () => svg("path", { d: "M0 20a20 20 0 0 1 40 0z" }),
  () => svg("path", { d: "M0 0h40v40H0z" }),
];

/** The picture of a product. It says nothing that the card's text does not. */
export function tile(product) {
  const chance = numbers(product.sku);
  const cells = [];
  for (let index = 0; index < COLUMNS * ROWS; index += 1) {
    if (chance() < 0.3) {
      continue;
    }
    const shape = SHAPES[Math.floor(chance() * SHAPES.length)]();
    const [x, y] = [(index % COLUMNS) * CELL, Math.floor(index / COLUMNS) * CELL];
    const turn = Math.floor(chance() * 4) * 90;
    const tone = `tone-${Math.floor(chance() * 4)}`;
    cells.push(svg("g", { class: tone, transform: `translate(${x} ${y}) rotate(${turn} 20 20)` }, shape));
  }
  const category = product.category.toLowerCase().replace(/[^a-z]/g, "");
  const size = `0 0 ${COLUMNS * CELL} ${ROWS * CELL}`;
  return svg(
    "svg",
    { class: `tile of-${category}`, viewBox: size, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    ...cells,
  );
}

/** Numbers from 0 to 1 that follow from `seed` (xorshift over an FNV-1a hash). */
function numbers(seed) {
  let state = 2166136261;
  for (const character of seed) {
    state = Math.imul(state ^ character.codePointAt(0), 16777619) >>> 0;
  }
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4294967296;
  };
}
