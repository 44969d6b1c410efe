// How one order looks: its states as a timeline, its lines, its receipt.

import { element } from "./dom.js";
import { shown, times } from "./money.js";

export const FINAL = new Set(["confirmed", "rejected", "payment_failed"]);

const PATH = ["pending", "reserved", "paid", "confirmed"];
const FAILED_AFTER = { rejected: "pending", payment_failed: "reserved" };
const NAMES = {
  pending: "Placed",
  reserved: "Reserved",
  paid: "Paid",
  confirmed: "Confirmed",
  rejected: "Rejected",
  payment_failed: "Payment failed",
};
const REASONS = {
  out_of_stock: "There is not enough left",
  card_declined: "The card was declined, and what was reserved is free again",
};

/** The card of one order. */
export class Card {
  constructor(id) {
    this.status = element("strong", { class: "order-status", role: "status", "data-testid": "order-status" }, "Placed");
    this.total = element("span", { class: "price" });
    this.timeline = element("ol", { class: "timeline" });
    this.reason = element("p", { class: "reason", hidden: true });
    this.trouble = element("p", { class: "quiet", hidden: true });
    this.receipt = element("div", { class: "receipt-place" });
    this.root = element(
      "article",
      { class: "order", "data-testid": "order", "data-order": id, "aria-label": `Order ${id}` },
      element("header", {}, this.status, this.total),
      element("p", { class: "id", title: id }, `No. ${id.slice(-12)}`),
      this.timeline,
      this.reason,
      this.trouble,
      this.receipt,
    );
  }

  /** Show the order as it stands. */
  show(order) {
    this.root.dataset.status = order.status;
    if (this.status.textContent !== NAMES[order.status]) {
      this.status.textContent = NAMES[order.status] ?? order.status;
    }
    this.total.textContent = shown(order.total);
    this.timeline.replaceChildren(...steps(order).map(shownStep));
    this.reason.hidden = !order.reason;
    this.reason.textContent = order.reason ? explained(order.reason) : "";
  }

  /** Say that something keeps this from being up to date; empty when it no longer does. */
  worry(text) {
    this.trouble.hidden = !text;
    this.trouble.textContent = text;
  }

  /** Show the receipt. */
  receive({ at, customer, items, total }) {
    const lines = items.map(({ sku, quantity, price }) =>
      element(
        "li",
        {},
        element("span", {}, `${quantity} × ${sku}`),
        element("span", {}, shown(times(price, quantity))),
      ),
    );
    this.receipt.replaceChildren(
      element(
        "section",
        { class: "receipt", "data-testid": "receipt", "aria-label": "Receipt" },
        element("p", { class: "receipt-head" }, element("strong", {}, "Receipt"), element("span", {}, customer)),
        element("ul", {}, ...lines),
        element("p", { class: "receipt-total" }, element("span", {}, "Total"), element("span", {}, shown(total))),
        element("p", { class: "quiet" }, new Date(at).toLocaleString()),
      ),
    );
  }
}

/** The steps of an order: those it took with their times, then those to come, unless it failed. */
function steps(order) {
  const times = new Map(order.history.map(({ status, at }) => [status, at]));
  const failed = FAILED_AFTER[order.status];
  const path = failed ? [...PATH.slice(0, PATH.indexOf(failed) + 1), order.status] : PATH;
  return path.map((status) => ({
    status,
    at: times.get(status) ?? null,
    state: stateOf(status, order, times),
  }));
}

/** How one step looks: failed, now, done or next. */
function stateOf(status, order, times) {
  if (status !== order.status) {
    return times.has(status) ? "done" : "next";
  }
  return status in FAILED_AFTER ? "failed" : FINAL.has(status) ? "done" : "now";
}

/** A reason is a code, or a code and what it is about: `out_of_stock: KIT-PAN-28`. */
function explained(reason) {
  const [code, about] = reason.split(": ", 2);
  return `${REASONS[code] ?? code}${about ? `: ${about}` : ""}.`;
}

function shownStep({ status, at, state }) {
  const time = at ? element("time", { datetime: at }, new Date(at).toLocaleTimeString()) : null;
  return element(
    "li",
    { class: state, "aria-current": state === "now" ? "step" : null },
    element("span", {}, NAMES[status]),
    time,
  );
}
