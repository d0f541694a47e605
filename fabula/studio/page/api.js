// The server, as functions. Whatever goes wrong becomes a `Trouble` with a sentence that a reader understands.

/** @import { Attention, Catalog, Event, Metrics, Order, ProbeCurve, Reading, Tree } from "./types.js" */

import { TOKEN, kept } from "./kept.js";

/** Something that went wrong, in words. */
export class Trouble extends Error {
  /**
   * @param {string} message
   * @param {number} [status] of HTTP; 0: no answer
   * @param {number} [wait] seconds until trying again makes sense
   */
  constructor(message, status = 0, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

/** @returns {Promise<Catalog>} */
export async function catalog() {
  return (await answer("/studio/models")).json();
}

/**
 * @param {string} model
 * @param {string} text
 * @returns {Promise<Reading>}
 */
export async function read(model, text) {
  return (await answer("/studio/read", { model, text })).json();
}

/**
 * @param {string} model
 * @param {string} text
 * @param {number} token
 * @param {AbortSignal} signal
 * @returns {Promise<Attention>}
 */
export async function attention(model, text, token, signal) {
  return (await answer("/studio/attention", { model, text, token }, signal)).json();
}

/**
 * @param {string} run
 * @param {number | undefined} after the last step that is known already
 * @param {AbortSignal} signal
 * @returns {Promise<Metrics>}
 */
export async function metrics(run, after, signal) {
  const since = after === undefined ? "" : `?after=${after}`;
  return (await answer(`/studio/runs/${encodeURIComponent(run)}/metrics${since}`, undefined, signal)).json();
}

/**
 * @param {string} run
 * @param {AbortSignal} signal
 * @returns {Promise<ProbeCurve[]>}
 */
export async function study(run, signal) {
  return (await (await answer(`/studio/runs/${encodeURIComponent(run)}/study`, undefined, signal)).json()).probes;
}

/**
 * @param {Tree} tree
 * @param {"markdown" | "json"} form
 * @returns {Promise<Blob>}
 */
export async function exported(tree, form) {
  return (await answer("/studio/export", { tree, form })).blob();
}

/**
 * Have stories told; yield what comes as it comes. Aborting the signal stops the telling on the server, too.
 *
 * @param {Order} order
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Event, void, void>}
 */
export async function* stories(order, signal) {
  const response = await answer("/studio/stories", order, signal);
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(failed(signal));
      if (done) throw new Trouble("The server stopped in the middle of the story. What had come is kept.");
      const parts = (waiting + value.replaceAll("\r\n", "\n")).split("\n\n");
      waiting = parts.pop() ?? "";
      for (const part of parts) {
        const event = parsed(part);
        if (event?.kind === "done") return;
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // It may be gone already, which is what we want.
  }
}

/**
 * Read one server-sent event.
 *
 * @param {string} part
 * @returns {Event | null} null: a comment that keeps the connection open
 */
function parsed(part) {
  const fields = part.split("\n").map((line) => /^(event|data): ?(.*)$/.exec(line));
  const kind = fields.findLast((field) => field?.[1] === "event")?.[2];
  const data = fields.flatMap((field) => (field?.[1] === "data" ? [field[2]] : [])).join("\n");
  return kind && data ? { kind, ...JSON.parse(data) } : null;
}

/**
 * @param {string} path
 * @param {object} [body] what is posted
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
async function answer(path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = body ? { "Content-Type": "application/json" } : {};
  const token = kept(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  const asked = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal };
  const response = await fetch(path, asked).catch(failed(signal));
  if (response.ok) return response;
  throw await refusal(response);
}

/**
 * @param {Response} response
 * @returns {Promise<Trouble>}
 */
async function refusal(response) {
  const said = await response.json().catch(() => null);
  const message = said?.error?.message ?? `The server answered ${response.status} ${response.statusText}.`;
  const wait = Number(response.headers.get("Retry-After")) || 0;
  if (response.status === 429) return new Trouble(`Many stories are being told just now. ${sentence(message)}`, 429, wait || 1);
  if (response.status === 401 || response.status === 403)
    return new Trouble(`${sentence(message)} Open the address that “fabula serve” printed, with its token.`, response.status);
  return new Trouble(sentence(message), response.status, wait);
}

/** @param {string} message */
function sentence(message) {
  return message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?…]$/.test(message) ? "" : ".");
}

/**
 * Return what makes a failed request a `Trouble`; what we aborted ourselves stays an `AbortError`.
 *
 * @param {AbortSignal} [signal]
 * @returns {(error: unknown) => never}
 */
function failed(signal) {
  return (error) => {
    if (signal?.aborted) throw error;
    throw new Trouble("The server doesn’t answer. Is “fabula serve” still running?");
  };
}

/**
 * Whether an error only says that we stopped something ourselves.
 *
 * @param {unknown} error
 */
export function stopped(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
