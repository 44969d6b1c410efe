// What this browser remembers. A browser that may not remember forgets when the page is closed.

const PREFIX = "blueprint.";
const unsaved = new Map();

/** What was kept under `name`, or `otherwise`. */
export function recall(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? (unsaved.get(name) ?? otherwise) : JSON.parse(text);
  } catch {
    return unsaved.get(name) ?? otherwise;
  }
}

/** Keep `value` under `name`; null forgets it. */
export function keep(name, value) {
  unsaved.set(name, value);
  try {
    if (value === null) {
      localStorage.removeItem(PREFIX + name);
    } else {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    }
  } catch {
    // full, or forbidden by the visitor: `unsaved` has it
  }
}
