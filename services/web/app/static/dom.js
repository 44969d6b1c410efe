// Elements made by calls, never from markup: what comes from outside stays text, as the page's policy demands.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. An attribute that is a function is a listener; null and false leave one out. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element, likewise. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Show `text` in a notice of the page, or hide it when there is none; `action` is a button beside it. */
export function notify(notice, text, action = null) {
  notice.hidden = !text;
  notice.replaceChildren(...(text ? [text] : []), ...(action ? [" ", action] : []));
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name, value);
    } else if (value !== null && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
