// The products: one page of them at a time, with what is left of each.

import { ApiError, get } from "./api.js";
import { byId, element, notify } from "./dom.js";
import { shown } from "./money.js";
import { tile } from "./tile.js";

const SIZE = 12;
const FEW = 25;

/** The part of the page that shows products; `add` is told the product that goes into the basket. */
export class Products {
  constructor(add) {
    this.add = add;
    this.cards = byId("cards");
    this.asked = 0;
    window.addEventListener("popstate", () => this.show(pageOfAddress()));
  }

  /** Show the page that the address names. */
  begin() {
    return this.show(pageOfAddress());
  }

  /** Read the stock of the products on show again. */
  async refreshStock() {
    await Promise.all([...this.cards.querySelectorAll("[data-sku]")].map((card) => showStock(card)));
  }

  async show(page) {
    const turn = (this.asked += 1);
    this.cards.setAttribute("aria-busy", "true");
    if (!this.cards.querySelector("[data-sku]")) {
      this.cards.replaceChildren(...Array.from({ length: SIZE }, () => element("li", { class: "card bones" })));
    }
    try {
      const list = await get(`/api/products?page=${page}&size=${SIZE}`);
      if (turn === this.asked) {
        this.fill(list);
      }
    } catch (error) {
      if (turn === this.asked) {
        this.fail(error, page);
      }
    }
  }

  fill(list) {
    notify(byId("shop-notice"), "");
    this.cards.setAttribute("aria-busy", "false");
    this.cards.replaceChildren(...list.items.map((product) => this.card(product)));
    this.pages(list.page, Math.max(1, Math.ceil(list.total / list.size)));
    this.refreshStock();
  }

  fail(error, page) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    this.cards.setAttribute("aria-busy", "false");
    this.cards.querySelectorAll(".bones").forEach((card) => card.remove());
    const again = element("button", { type: "button", click: () => this.show(page) }, "Try again");
    notify(byId("shop-notice"), `The products cannot be shown. ${error.explanation}`, again);
  }

  card(product) {
    const add = element(
      "button",
      { type: "button", class: "add", "data-testid": "add-to-basket", click: () => this.add(product) },
      "Add",
      element("span", { class: "unseen" }, ` ${product.name} to the basket`),
    );
    return element(
      "li",
      { class: "card", "data-testid": "product-card", "data-sku": product.sku },
      tile(product),
      element("p", { class: "category" }, product.category),
      element("h3", {}, product.name),
      element("p", { class: "description" }, product.description),
      element("p", { class: "stock", "data-testid": "stock" }, "\u00a0"),
      element("p", { class: "buy" }, element("span", { class: "price" }, shown(product.price)), add),
    );
  }

  pages(page, last) {
    const step = (to, name, options = {}) =>
      element(
        "button",
        { type: "button", disabled: to < 1 || to > last, click: () => this.turn(to), ...options },
        name,
      );
    const numbered = Array.from({ length: last }, (_, index) => index + 1)
      .filter((number) => last <= 7 || number === 1 || number === last || Math.abs(number - page) <= 2)
      .map((number) =>
        step(number, String(number), {
          "aria-label": `Page ${number}`,
          "aria-current": number === page ? "page" : null,
        }),
      );
    byId("pages").replaceChildren(
      step(page - 1, "Back", { "data-testid": "page-back" }),
      ...numbered,
      step(page + 1, "Next", { "data-testid": "page-next" }),
    );
  }

  async turn(page) {
    history.pushState(null, "", page === 1 ? "/" : `/?page=${page}`);
    await this.show(page);
    byId("shop").focus({ preventScroll: true });
    byId("shop").scrollIntoView();
  }
}

function pageOfAddress() {
  const page = Number(new URLSearchParams(location.search).get("page"));
  return Number.isInteger(page) && page >= 1 ? page : 1;
}

async function showStock(card) {
  const place = card.querySelector(".stock");
  try {
    const { available } = await get(`/api/inventory/${encodeURIComponent(card.dataset.sku)}`);
    place.textContent = available === 0 ? "Sold out" : available <= FEW ? `Only ${available} left` : "In stock";
    place.dataset.left = available === 0 ? "none" : available <= FEW ? "few" : "many";
    card.querySelector(".add").disabled = available === 0;
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    place.textContent = "\u00a0"; // the shop sells without it: the order says whether there is enough
  }
}
