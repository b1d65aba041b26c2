// Lets the page open without its server: every file of the shell is asked of the network first and kept; only where
// the network does not answer within 4 s is the kept one served, so that no old page is shown while a server
// answers. Data of the API is never kept. A new version takes over at once.

const NAME = "whale-shell";
const shell = (url) => url.origin === location.origin && (url.pathname === "/" || url.pathname === "/manifest.webmanifest" || /^\/(dashboard|vendor)\//.test(url.pathname));

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(old());
});

self.addEventListener("message", (event) => {
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

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && shell(url)) event.respondWith(answer(event, url.pathname));
});

async function answer(event, path) {
  const cache = await caches.open(NAME);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 4_000);
  try {
    const found = await fetch(event.request, { signal: late.signal }).finally(() => clearTimeout(timer)); // a body may take longer
    if (found.ok) event.waitUntil(cache.put(path, found.clone()).catch(() => {})); // where there is no room, none is kept
    return found;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}
