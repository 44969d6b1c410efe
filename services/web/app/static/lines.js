// How the lines of the picture run: around the boxes, never behind them. Pure functions.
//
// Boxes stand in tracks: columns, or rows where the picture is upright. `along` is the axis on which the tracks follow
// each other and `across` the other, so that both pictures are one problem. A line that passes a track takes a lane
// between two of its boxes, or outside of all; each line has a lane and a port of its own.

const OUTSIDE = 13; // the distance of the lanes outside of all boxes
const LANE = 6; // between two lines of one lane
const ARROW = 5;

/** A path and a place for its name for each of `edges` whose ends stand in `tracks` of boxes. */
export function lines(edges, tracks, upright) {
  const boxes = new Map();
  tracks.forEach((track, index) => track.forEach((box) => boxes.set(box.key, abstract(box, index, upright))));
  const abstracted = tracks.map((track) => track.map((box) => boxes.get(box.key)));
  const ways = edges
    .filter((edge) => boxes.has(edge.from) && boxes.has(edge.to) && edge.from !== edge.to)
    .map((edge) => way(edge, boxes.get(edge.from), boxes.get(edge.to), abstracted));
  spreadLanes(ways);
  spreadPorts(ways, "source");
  spreadPorts(ways, "target");
  return ways.map(({ edge, source, target, lanes }) => ({
    ...edge,
    ...drawn([source.port, ...lanes.flatMap((lane) => lane.points()), target.port], target.side, upright),
  }));
}

function abstract({ key, x, y, width, height }, track, upright) {
  return upright
    ? { key, track, along: y, across: x, length: height, breadth: width }
    : { key, track, along: x, across: y, length: width, breadth: height };
}

/** The sides at which a line leaves and arrives, and its lanes between. */
function way(edge, from, to, tracks) {
  const step = Math.sign(to.track - from.track);
  const onwards = { leaves: step > 0 ? "end" : "start", arrives: step > 0 ? "start" : "end" };
  const sides = step === 0 ? beside(from, to, tracks[from.track]) : onwards;
  const lanes = [];
  for (let track = from.track + step; step !== 0 && track !== to.track; track += step) {
    lanes.push(lane(tracks[track], track, middle(from), middle(to), step));
  }
  return {
    edge,
    source: { box: from, side: sides.leaves, towards: lanes.at(0)?.across ?? middle(to) },
    target: { box: to, side: sides.arrives, towards: lanes.at(-1)?.across ?? middle(from) },
    lanes,
  };
}

/** Neighbours of one track face each other; others of it are joined around its end. */
function beside(from, to, track) {
  const between = track.filter((box) => (middle(box) - middle(from)) * (middle(box) - middle(to)) < 0);
  if (between.length > 0) {
    return { leaves: "end", arrives: "end" };
  }
  return from.across < to.across ? { leaves: "after", arrives: "before" } : { leaves: "before", arrives: "after" };
}

/** The lane through a track that makes the least detour. */
function lane(track, index, from, to, step) {
  const sorted = [...track].sort((a, b) => a.across - b.across);
  const last = sorted.at(-1);
  const inner = sorted.slice(1).map((box, gap) => {
    const before = sorted[gap].across + sorted[gap].breadth;
    return { across: (before + box.across) / 2, room: box.across - before };
  });
  const outside = [sorted[0].across - OUTSIDE, last.across + last.breadth + OUTSIDE];
  const outer = outside.map((across) => ({ across, room: 2 * OUTSIDE }));
  const detour = ({ across }) => Math.abs(across - from) + Math.abs(across - to);
  const best = [...inner, ...outer].reduce((least, one) => (detour(one) < detour(least) ? one : least));
  const [start, end] = [track[0].along, track[0].along + track[0].length];
  return {
    name: `${index} ${best.across}`,
    room: best.room,
    across: best.across,
    points() {
      const both = [start, end].map((along) => ({ along, across: this.across }));
      return step > 0 ? both : both.reverse();
    },
  };
}

/** Lay the lines that share a lane beside each other. */
function spreadLanes(ways) {
  const all = ways.flatMap(({ lanes, source, target }) =>
    lanes.map((lane) => ({ lane, order: middle(source.box) + middle(target.box) })),
  );
  for (const name of new Set(all.map(({ lane }) => lane.name))) {
    const shared = all.filter(({ lane }) => lane.name === name).sort((a, b) => a.order - b.order);
    const space = Math.min(LANE, (shared[0].lane.room - 6) / shared.length);
    shared.forEach(({ lane }, index) => {
      lane.across += (index - (shared.length - 1) / 2) * space;
    });
  }
}

/** Give each line a port of its own on the side of its box, in the order of where it comes from or goes. */
function spreadPorts(ways, which) {
  const sideOf = (one) => `${one[which].box.key} ${one[which].side}`;
  for (const side of new Set(ways.map(sideOf))) {
    const shared = ways.filter((one) => sideOf(one) === side).sort((a, b) => a[which].towards - b[which].towards);
    shared.forEach((one, index) => {
      one[which].port = port(one[which], (index + 1) / (shared.length + 1));
    });
  }
}

function port({ box, side }, share) {
  if (side === "before" || side === "after") {
    return { along: box.along + box.length * share, across: box.across + (side === "after" ? box.breadth : 0) };
  }
  return { along: box.along + (side === "end" ? box.length : 0), across: box.across + box.breadth * share };
}

const INWARD = { start: [-1, 0], end: [1, 0], before: [0, -1], after: [0, 1] };

/** The curve through `points`, straight on in each of them, that ends an arrow's length before the last. */
function drawn(points, side, upright) {
  const [outAlong, outAcross] = INWARD[side];
  const tip = points.at(-1);
  const end = { along: tip.along + outAlong * ARROW, across: tip.across + outAcross * ARROW };
  const stops = [...points.slice(0, -1), end];
  const crosswise = outAcross !== 0;
  const round = side === "end" && stops.length === 2 && stops[0].along > tip.along - 1; // both ends on one track's end
  const text = ({ along, across }) => {
    const [x, y] = upright ? [across, along] : [along, across];
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  };
  const pieces = stops.slice(1).map((stop, index) => {
    const [first, second] = handles(stops[index], stop, crosswise, round);
    return `C${text(first)} ${text(second)} ${text(stop)}`;
  });
  const name = upright ? { x: tip.across, y: tip.along } : { x: tip.along, y: tip.across };
  return { path: `M${text(stops[0])} ${pieces.join(" ")}`, tip: name, run: distance(points[0], tip) };
}

function distance(from, to) {
  return Math.hypot(from.along - to.along, from.across - to.across);
}

function handles(from, to, crosswise, round) {
  if (crosswise) {
    const half = (to.across - from.across) / 2;
    return [{ ...from, across: from.across + half }, { ...to, across: to.across - half }];
  }
  const half = round ? 34 : (to.along - from.along) / 2;
  return [{ ...from, along: from.along + half }, { ...to, along: to.along + (round ? half : -half) }];
}

function middle(box) {
  return box.across + box.breadth / 2;
}
