// Lets the page open without its server: every file of the shell is asked of the network first and kept; only where
// the network does not answer within 4 s is the kept one served, so that no old page is shown while a server
// answers. Data of the API is never kept. A new version takes over at once.

const NAME = "whale-shell";
const SHELL = /^\/(manifest\.webmanifest$|dashboard\/|vendor\/|$)/;
const SLOW_MS = 4_000;
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** @param {URL} url */
const isShell = (url) => url.origin === location.origin && SHELL.test(url.pathname);

worker.addEventListener("install", () => worker.skipWaiting());

worker.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
    await worker.clients.claim();
  };
  event.waitUntil(old());
});

worker.addEventListener("message", (event) => {
  const keep = async () => {
    const cache = await caches.open(NAME);
    const wanted = new Set(event.data.keep);
    for (const request of await cache.keys()) {
      if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
    }
    await Promise.all([...wanted].map((path) => cache.add(path).catch(() => {})));
  };
  if (Array.isArray(event.data?.keep)) event.waitUntil(keep());
});

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && isShell(url)) event.respondWith(answer(event, url.pathname));
});

/** @param {FetchEvent} event @param {string} path */
async function answer(event, path) {
  const cache = await caches.open(NAME);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), SLOW_MS); // for its begin: a body may take longer
  try {
    const found = await fetch(event.request, { signal: late.signal }).finally(() => clearTimeout(timer));
    const keep = () => cache.put(path, found.clone()).catch(() => {}); // where there is no room, none is kept
    if (found.ok) event.waitUntil(keep());
    return found;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}
