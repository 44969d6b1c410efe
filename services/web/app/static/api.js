// Requests to the shop's services, all through the gateway. Errors are problem documents (RFC 9457).

const SECONDS = 12; // a little more than the gateway waits for a service

/** An answer that is an error, or none. `status` is 0 when nothing answered; `problem` the problem document. */
export class ApiError extends Error {
  constructor(status, problem, requestId) {
    super(problem.detail ?? (status ? `the shop answered with ${status}` : "the shop does not answer"));
    this.status = status;
    this.problem = problem;
    this.requestId = requestId;
  }

  /** Whether the same request may go well later. */
  get passing() {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429;
  }

  /** What a visitor is told: each broken rule if the problem lists them, and the id to look for in the logs. */
  get explanation() {
    const rules = (this.problem.errors ?? []).map((item) => item.detail).filter(Boolean);
    const id = this.requestId ? ` (request ${this.requestId})` : "";
    return `${[sentence(this.message), ...rules.map(sentence)].join(" ")}${id}`;
  }
}

/** The JSON that `path` answers with. Raises ApiError. */
export async function get(path) {
  return ask(path, {});
}

/** The JSON that answers `body`, sent with these `headers`. Raises ApiError. */
export async function post(path, body, headers) {
  return ask(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  });
}

/** A random UUID. randomUUID is missing where the page came by http from another host than this one. */
export function uuid() {
  if (crypto.randomUUID) {
    return crypto.randomUUID();
  }
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Wait, at least as long as nobody looks at the page. */
export async function pause(milliseconds) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(SECONDS * 1000) });
  } catch {
    throw new ApiError(0, {}, null); // whether it was refused, broken or too slow: fetch does not say
  }
  const document = await response.json().catch(() => null);
  if (!response.ok || document === null) {
    throw new ApiError(response.status, document ?? {}, response.headers.get("X-Request-Id"));
  }
  return document;
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
