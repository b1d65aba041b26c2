// Questions to the REST API. A 401 asks the reader for a key, once for all that wait, and asks again with it; other
// refusals become an ApiError with the server's own sentence; no answer within 15 s is one too.

import { byId, makeClosable, setText } from "../lib/dom.js";

const KEY = "whale.key";
const SOUND = /^[\w.~-]+$/; // what may stand in a header and in a subprotocol alike
let memory = "";
let asking = null;
let dismissed = false;

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function apiKey() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory;
  }
}

/** GET path with parameters; empty ones are left out. Throws ApiError, or AbortError by `signal`. */
export async function get(path, params = {}, signal = undefined) {
  const said = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const address = said.length ? `${path}?${new URLSearchParams(said)}` : path;
  for (;;) {
    const key = apiKey();
    const answer = await ask(address, key, signal);
    if (answer.ok) return answer.json();
    if (answer.status === 401 && (await needKey(key))) continue;
    const problem = await answer.json().catch(() => ({}));
    throw new ApiError(answer.status, problem.detail ?? `the server answered ${answer.status}`);
  }
}

async function ask(address, key, signal) {
  const limit = AbortSignal.timeout(15_000);
  try {
    return await fetch(address, {
      headers: key ? { "X-API-Key": key, Accept: "application/json" } : { Accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, limit.aborted ? "no answer within 15 s" : "the server can't be reached");
  }
}

/** Whether there is another key than `tried` now. Who closed the dialog is not asked again by itself. */
function needKey(tried) {
  if (apiKey() !== tried) return Promise.resolve(true);
  return dismissed ? Promise.resolve(false) : askKey(tried);
}

/** Open the dialog; resolves to whether there is a new key. */
export function askKey(tried = apiKey()) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    byId("key-error").textContent = tried ? "The server does not know this key." : "";
    const use = () => {
      const key = byId("key").value.trim();
      if (!SOUND.test(key)) return setText(byId("key-error"), key ? "A key has only letters, digits and . _ ~ - in it." : "");
      memory = key;
      try {
        sessionStorage.setItem(KEY, memory);
      } catch {
        // kept in `memory`
      }
      byId("key").value = "";
      dialog.close();
    };
    const enter = (event) => event.key === "Enter" && use();
    byId("key-use").addEventListener("click", use);
    byId("key").addEventListener("keydown", enter);
    dialog.addEventListener(
      "close",
      () => {
        byId("key-use").removeEventListener("click", use);
        byId("key").removeEventListener("keydown", enter);
        asking = null;
        dismissed = apiKey() === tried;
        document.dispatchEvent(new CustomEvent("whale:key", { detail: !dismissed }));
        resolve(!dismissed);
      },
      { once: true },
    );
    dialog.showModal();
    byId("key").focus();
  });
  return asking;
}

export const startKeys = () => makeClosable(byId("key-dialog"));
