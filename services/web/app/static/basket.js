// The basket: what it holds, which this browser remembers, and how it is shown.

import { byId, element } from "./dom.js";
import { keep, recall } from "./memory.js";
import { shown, sum, times } from "./money.js";

const MOST_LINES = 20; // as the orders service takes them
const MOST_OF_ONE = 1000;

/** The basket. Calls `changed` after each change. */
export class Basket {
  constructor(changed) {
    this.lines = recall("basket", []);
    this.changed = changed;
  }

  /** The items of an order. */
  get items() {
    return this.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  }

  /** Put one more of `product` in; whether there was room. */
  add({ sku, name, price }) {
    const line = this.lines.find((one) => one.sku === sku);
    if (line) {
      line.quantity = Math.min(line.quantity + 1, MOST_OF_ONE);
    } else if (this.lines.length < MOST_LINES) {
      this.lines.push({ sku, name, price, quantity: 1 });
    } else {
      return false;
    }
    this.save();
    return true;
  }

  /** Hold this many of a product; none takes its line away. */
  set(sku, quantity) {
    const line = this.lines.find((one) => one.sku === sku);
    line.quantity = Math.min(Math.max(quantity, 0), MOST_OF_ONE);
    this.lines = this.lines.filter((one) => one.quantity > 0);
    this.save();
  }

  /** Empty it. */
  clear() {
    this.lines = [];
    this.save();
  }

  /** Show it as it is. */
  show() {
    const count = this.lines.reduce((so, line) => so + line.quantity, 0);
    byId("basket-count").textContent = String(count);
    byId("basket-empty").hidden = count > 0;
    byId("checkout").hidden = count === 0;
    const total = sum(this.lines.map((line) => times(line.price, line.quantity)));
    byId("basket-total").textContent = total ? shown(total) : "";
    showLines(byId("basket-lines"), this.lines, (sku, quantity) => this.set(sku, quantity));
  }

  save() {
    keep("basket", this.lines);
    this.show();
    this.changed();
  }
}

/** Show the lines, and keep the focus on the button that was pressed if it is still there. */
function showLines(list, lines, set) {
  const focused = document.activeElement?.dataset.control;
  list.replaceChildren(...lines.map((line) => shownLine(line, set)));
  const again = focused && list.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) {
    again.focus();
  } else if (focused) {
    byId("basket").focus({ preventScroll: true });
  }
}

function shownLine({ sku, name, price, quantity }, set) {
  const button = (sign, label, to) =>
    element(
      "button",
      { type: "button", "aria-label": label, "data-control": `${sku} ${sign}`, click: () => set(sku, to) },
      sign,
    );
  return element(
    "li",
    { "data-testid": "basket-line", "data-sku": sku },
    element("span", { class: "name" }, name),
    element("span", { class: "price" }, shown(times(price, quantity))),
    element(
      "span",
      { class: "stepper" },
      button("−", `One ${name} less`, quantity - 1),
      element("span", { "aria-label": `${quantity} of ${name}`, role: "img" }, String(quantity)),
      button("+", `One ${name} more`, quantity + 1),
    ),
  );
}
