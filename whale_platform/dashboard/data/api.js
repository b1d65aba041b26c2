// Questions to the REST API, and the few changes that it takes. A 401 asks the reader for a key, once for all that
// wait, and asks again with it; other refusals become an ApiError with the server's own sentence; no answer within 15 s
// is one too.

import { apiKey } from "./api-key.js";

export class ApiError extends Error {
  /** @param {number} status 0 where there was no answer. @param {string} text @param {any} [problem] As it was sent. */
  constructor(status, text, problem = {}) {
    super(text);
    this.status = status;
    this.problem = problem;
  }
}

/** @type {(tried: string) => Promise<boolean>} */
let otherKey = async () => false;

/**
 * Call `listener` when a key is refused; it resolves to whether there is another.
 *
 * @param {typeof otherKey} listener
 */
export function onKeyRefused(listener) {
  otherKey = listener;
}

/** @typedef {string | number | null | undefined} Param */

/**
 * GET `path`. What the browser still has is asked for by its ETag.
 *
 * @param {string} path
 * @param {Record<string, Param | Param[]>} [params] Empty ones are left out, lists are given value by value.
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} Throws ApiError, or AbortError by `signal`.
 */
export async function get(path, params, signal) {
  return (await getResponse(path, params, signal)).json();
}

/**
 * GET `path` as a file.
 *
 * @param {string} path
 * @returns {Promise<Blob>} Throws ApiError.
 */
export async function getFile(path) {
  return (await getResponse(path)).blob();
}

/**
 * PUT or DELETE `path`.
 *
 * @param {"PUT" | "DELETE"} method
 * @param {string} path
 * @param {object} [content] Sent as JSON.
 * @param {Record<string, string>} [headers] Such as If-Match.
 * @returns {Promise<any>} What the server answers, null where that is nothing. Throws ApiError.
 */
export async function send(method, path, content, headers) {
  const request = { method, headers };
  const answer = await askWithKey(path, content ? { ...request, body: JSON.stringify(content) } : request);
  return answer.status === 204 ? null : answer.json();
}

/**
 * @param {string} path
 * @param {Record<string, Param | Param[]>} [params]
 * @param {AbortSignal} [signal]
 */
function getResponse(path, params = {}, signal) {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(params)) {
    for (const value of [values].flat()) {
      if (value !== "" && value !== null && value !== undefined) query.append(name, String(value));
    }
  }
  return askWithKey(query.size ? `${path}?${query}` : path, {}, signal);
}

/**
 * @param {string} address
 * @param {{ method?: string, body?: string, headers?: Record<string, string> }} request
 * @param {AbortSignal} [signal]
 */
async function askWithKey(address, request, signal) {
  for (;;) {
    const key = apiKey();
    const answer = await ask(address, request, key, signal);
    if (answer.ok) return answer;
    if (answer.status === 401 && (await otherKey(key))) continue;
    const problem = await answer.json().catch(() => ({}));
    throw new ApiError(answer.status, problem.detail ?? `the server answered ${answer.status}`, problem);
  }
}

/**
 * @param {string} address
 * @param {{ method?: string, body?: string, headers?: Record<string, string> }} request
 * @param {string} key
 * @param {AbortSignal | undefined} signal
 */
async function ask(address, request, key, signal) {
  const limit = AbortSignal.timeout(15_000);
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...request.headers };
  if (key) headers["X-API-Key"] = key;
  if (request.body) headers["Content-Type"] = "application/json";
  try {
    return await fetch(address, {
      ...request,
      headers,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: "no-cache",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const reason = limit.aborted ? "no answer within 15 s" : "the server can't be reached";
    const unknown = request.method ? ", and whether the change was made is not known: open this again to see" : "";
    throw new ApiError(0, reason + unknown);
  }
}
