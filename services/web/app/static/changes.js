// What happened between two readings of the topology. Pure functions.

/** The name of a node that no other has. */
export function keyOf(node) {
  return `${node.namespace}/${node.name}`;
}

/** Sentences about what changed, each with its mood (`good`, `bad` or `plain`); none of the first reading. */
export function changes(before, after) {
  if (before === null) {
    return [];
  }
  const old = pods(before);
  const now = pods(after);
  const gone = vanished(before, after).map((pod) => ({ mood: "bad", text: `${pod.name} is gone` }));
  const rest = [...now].map(([key, pod]) => changed(old.get(key), pod)).filter(Boolean);
  return [...gone, ...rest];
}

/** The pods that are no longer there, with the key of their node. */
export function vanished(before, after) {
  if (before === null) {
    return [];
  }
  const now = pods(after);
  return [...pods(before)].filter(([key]) => !now.has(key)).map(([, pod]) => pod);
}

function pods(topology) {
  const of = (node) => node.pods.map((pod) => ({ ...pod, service: keyOf(node), namespace: node.namespace }));
  return new Map(topology.nodes.flatMap(of).map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
}

function changed(before, pod) {
  if (before === undefined) {
    return { mood: "plain", text: `${pod.name} is new${pod.node ? ` on ${pod.node}` : ""}` };
  }
  if (pod.restarts > before.restarts) {
    return { mood: "bad", text: `${pod.name} restarted (${pod.restarts} in all)` };
  }
  if (pod.ready !== before.ready) {
    return pod.ready
      ? { mood: "good", text: `${pod.name} is ready` }
      : { mood: "bad", text: `${pod.name} is no longer ready` };
  }
  if (pod.version !== before.version) {
    return { mood: "plain", text: `${pod.name} is now ${pod.version}` };
  }
  return null;
}
