// Placing an order. An attempt has one Idempotency-Key, kept until it is answered: trying again cannot order twice.

import { ApiError, post, uuid } from "./api.js";
import { byId, notify } from "./dom.js";
import { keep, recall } from "./memory.js";

/** The form under the basket; `placed` is told the id of an order that was taken. */
export class Checkout {
  constructor(basket, placed) {
    this.basket = basket;
    this.placed = placed;
    this.customer = byId("customer");
    this.button = byId("place-order");
    this.customer.value = recall("customer", "");
    byId("checkout").addEventListener("submit", (event) => {
      event.preventDefault();
      this.place();
    });
  }

  /** Forget the last failure: the order is another one now. */
  reset() {
    notify(byId("checkout-notice"), "");
    this.button.textContent = "Place order";
  }

  async place() {
    const order = { customer: this.customer.value.trim(), items: this.basket.items };
    if (!order.customer) {
      this.customer.setCustomValidity("Please say who orders.");
      this.customer.reportValidity();
      this.customer.addEventListener("input", () => this.customer.setCustomValidity(""), { once: true });
      return;
    }
    keep("customer", order.customer);
    this.busy(true);
    try {
      const { id } = await post("/api/orders", order, { "Idempotency-Key": keyOf(order) });
      keep("attempt", null);
      this.basket.clear();
      this.placed(id);
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy(false);
    }
  }

  busy(yes) {
    this.button.disabled = yes;
    this.button.setAttribute("aria-busy", String(yes));
  }

  fail(error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (error.passing) {
      this.button.textContent = "Try again"; // the order may have been taken: only its answer is missing
      notify(byId("checkout-notice"), `${error.explanation} Try again: it will not be ordered twice.`);
    } else {
      keep("attempt", null); // it was refused, and nothing was ordered
      notify(byId("checkout-notice"), `The order was not placed. ${error.explanation}`);
    }
  }
}

/** The key of the attempt to place this very order, the same one however often it is tried. */
function keyOf(order) {
  const body = JSON.stringify(order);
  const attempt = recall("attempt", null);
  if (attempt?.body === body) {
    return attempt.key;
  }
  const key = uuid();
  keep("attempt", { body, key });
  return key;
}
