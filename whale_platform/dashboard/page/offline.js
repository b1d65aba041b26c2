// Has the service worker keep the page for days without a server; a browser that has no service workers just lacks
// that.

/** The files of the page, as sw.js knows them. @param {URL} url */
const isShell = (url) => url.origin === location.origin && /^\/(dashboard|vendor)\//.test(url.pathname);

export async function keepOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("/sw.js");
    const ready = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const files = loaded.filter(isShell).map((url) => url.pathname);
    ready.active?.postMessage({ keep: ["/", "/manifest.webmanifest", ...files] });
  } catch (error) {
    console.info("no offline start:", /** @type {Error} */ (error).message);
  }
}
