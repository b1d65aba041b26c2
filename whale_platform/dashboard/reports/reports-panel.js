// The daily reports: a link at the foot, there once a day has one, that opens the list of days. A page is opened beside
// this one; where the server wants a key, which an address can't carry, it is fetched with the key and saved as a file.

import { apiKey } from "../data/api-key.js";
import { get, getFile } from "../data/api.js";
import { element, makeClosable, setText } from "../lib/dom.js";
import { partsOf } from "../lib/panel.js";

/** @import { DailyReport } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const HOUR_MS = 3_600_000;
const LONG = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeZone: "UTC" });

/** @implements {Panel} */
export class ReportsPanel {
  #parts;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#parts = partsOf(root);
  }

  start() {
    const { open, dialog } = this.#parts;
    makeClosable(dialog);
    open.addEventListener("click", () => {
      this.#load();
      dialog.showModal();
    });
    setInterval(() => this.#load(), HOUR_MS);
    this.#load();
  }

  onReconnect() {
    this.#load();
  }

  async #load() {
    const { open, days } = this.#parts;
    const { items } = await get("/reports/daily").catch(() => ({ items: null }));
    if (!items) return; // what was shown stays; the next look is in an hour
    open.hidden = !items.length;
    days.replaceChildren(...items.map((/** @type {DailyReport} */ report) => this.#renderDay(report)));
  }

  /** @param {DailyReport} report */
  #renderDay({ day, path }) {
    const text = `${LONG.format(new Date(`${day}T00:00:00Z`))} ↗`;
    const link = element("a", { href: path, target: "_blank", rel: "noreferrer", text });
    link.addEventListener("click", (event) => {
      if (!apiKey()) return;
      event.preventDefault();
      this.#save(path, `market-${day}.html`);
    });
    return element("li", {}, link);
  }

  /** @param {string} path @param {string} name */
  async #save(path, name) {
    setText(this.#parts.error, "");
    try {
      const href = URL.createObjectURL(await getFile(path));
      element("a", { href, download: name }).click();
      URL.revokeObjectURL(href);
    } catch (error) {
      setText(this.#parts.error, /** @type {Error} */ (error).message);
    }
  }
}
