// What the numbers of a graph say. Pure functions over {title, unit, start, step, lines: [{label, values}]}.

/** The highest number of all lines; null if there is none. */
export function peak({ lines }) {
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null);
  return all.length ? Math.max(...all) : null;
}

/** For each line its name, the latest number, the least and the most; null where there is none. */
export function summaries({ title, lines }) {
  return lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return {
      label: label || title,
      now: known.length ? known[known.length - 1] : null,
      least: known.length ? Math.min(...known) : null,
      most: known.length ? Math.max(...known) : null,
    };
  });
}

/** A number with its unit, as short as a reader needs it. */
export function worded(value, unit) {
  if (value === null) {
    return "none";
  }
  if (unit === "of 1") {
    return `${short(value * 100)} %`;
  }
  if (unit === "s" && value < 1) {
    return `${short(value * 1000)} ms`;
  }
  return `${short(value)} ${unit}`.trim();
}

/** A number beside an axis, where there is room for a short unit alone; the legend says the whole one. */
export function marked(value, unit) {
  return unit === "of 1" || unit === "s" ? worded(value, unit) : short(value);
}

/** The end of an axis from 0 that holds `value`: 1, 2 or 5 times a power of ten. */
export function ceiling(value) {
  if (!(value > 0)) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((end) => end >= value * 0.999);
}

/** The runs of numbers without a gap, each a list of [index, value]. */
export function runs(values) {
  const found = [[]];
  values.forEach((value, index) => {
    if (value === null) {
      found.push([]);
    } else {
      found[found.length - 1].push([index, value]);
    }
  });
  return found.filter((run) => run.length > 0);
}

function short(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
