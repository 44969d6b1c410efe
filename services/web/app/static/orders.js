// The visitor's orders: each followed to its end, then its receipt.

import { ApiError, get, pause } from "./api.js";
import { byId, element } from "./dom.js";
import { keep, recall } from "./memory.js";
import { FINAL, Card } from "./order-card.js";

const MOST_ORDERS = 5;
const SLOWEST = 3000; // milliseconds between two questions
const RECEIPT_TRIES = 30;

/** The list of orders; `ended` is called when one has reached its end. */
export class Orders {
  constructor(ended) {
    this.ids = recall("orders", []);
    this.ended = ended;
  }

  /** Show the orders that this browser remembers. */
  begin() {
    for (const id of [...this.ids].reverse()) {
      this.open(id);
    }
    this.showEmpty();
  }

  /** Follow a new order, and bring it into view. */
  add(id) {
    if (!this.ids.includes(id)) {
      this.ids.unshift(id);
      for (const old of this.ids.splice(MOST_ORDERS)) {
        byId("order-list").querySelector(`[data-id="${CSS.escape(old)}"]`)?.remove();
      }
      keep("orders", this.ids);
      this.open(id);
    }
    this.showEmpty();
    byId("orders").focus({ preventScroll: true });
    byId("order-list").firstElementChild.scrollIntoView({ block: "nearest" });
  }

  showEmpty() {
    byId("orders-empty").hidden = this.ids.length > 0;
  }

  open(id) {
    const card = new Card(id);
    const entry = element("li", { "data-id": id }, card.root);
    byId("order-list").prepend(entry);
    this.follow(id, card, entry);
  }

  async follow(id, card, entry) {
    const order = await ask(`/api/orders/${encodeURIComponent(id)}`, card, entry, (found) => {
      card.show(found);
      return FINAL.has(found.status);
    });
    if (order === null) {
      this.forget(id, entry);
      return;
    }
    this.ended();
    if (order.status === "confirmed") {
      const path = `/api/notifications?order_id=${encodeURIComponent(id)}`;
      const list = await ask(path, card, entry, (found) => found.items.length > 0, RECEIPT_TRIES);
      if (list?.items.length) {
        card.receive(list.items[0]);
      }
    }
  }

  /** An order that the shop does not know: this browser remembers another cluster's. */
  forget(id, entry) {
    entry.remove();
    this.ids = this.ids.filter((one) => one !== id);
    keep("orders", this.ids);
    this.showEmpty();
  }
}

/** Ask until `done` says so of the answer; null for 404, for an entry that was removed, and after `tries`. */
async function ask(path, card, entry, done, tries = Infinity) {
  let wait = 250;
  for (let count = 0; count < tries && entry.isConnected; count += 1) {
    try {
      const found = await get(path);
      card.worry("");
      if (done(found)) {
        return found;
      }
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      if (!error.passing) {
        return null;
      }
      card.worry("The shop does not answer. Asking again…");
    }
    await pause(wait);
    wait = Math.min(wait * 1.25, SLOWEST);
  }
  return null;
}
