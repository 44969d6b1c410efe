// The page: wiring only.

import { Basket } from "./basket.js";
import { Checkout } from "./checkout.js";
import { byId, notify } from "./dom.js";
import { Graphs } from "./graphs.js";
import { Orders } from "./orders.js";
import { Products } from "./products.js";
import { System } from "./system.js";

const basket = new Basket(() => checkout.reset());
const products = new Products((product) => {
  const room = basket.add(product);
  notify(byId("shop-notice"), room ? "" : "The basket is full: at most 20 different things in one order.");
});
const orders = new Orders(() => products.refreshStock());
const checkout = new Checkout(basket, (id) => orders.add(id));

basket.show();
products.begin();
orders.begin();
new System().begin();
new Graphs().begin();
