// Sets from how many dollars on an order is a whale: a button at the tape that opens the form. A suggestion can be
// picked or amounts typed, and what each would have given stands beside it. One suggestion may have an amount for each
// hour of the week: it is saved with what is typed for the others, and an amount typed afterwards takes its place. What
// is shown as set is what the server has answered; what it refuses stands beside the field. Nothing can be typed while
// thresholds are loaded or changed.

import { get, send } from "../data/api.js";
import {
  ANY,
  BY_HOUR,
  describeAmounts,
  describeHours,
  estimateAlerts,
  findApplying,
  listHours,
  listPlaces,
  nameOf,
  parseAmount,
  parsePlace,
  questionAmount,
  splitRefusal,
} from "../data/threshold-choices.js";
import { marketOf, view } from "../data/url-state.js";
import { element, makeClosable, setText } from "../lib/dom.js";
import { clock, zoneName } from "../lib/format.js";
import { partsOf } from "../lib/panel.js";
import { FIELDS, lockForm, showErrors } from "./threshold-fields.js";
import { markChoice, showChoices } from "./threshold-suggestions.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { StatusMessage, Suggestion, Threshold, Thresholds } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

/** @implements {Panel} */
export class ThresholdsPanel {
  #parts;
  #markets;
  /** @type {string[]} */
  #ingested = [];
  /** @type {Threshold[]} */
  #rows = [];
  /** @type {Suggestion[]} */
  #suggestions = [];
  /** @type {string | null} */
  #readOnly = null;
  #busy = false; // a change is under way
  #loads = 0; // how many have begun: only the newest one is shown
  #locked = true; // nothing to change yet
  /** @type {(string | null)[] | null} */
  #hours = null; // amounts of the hours of the week that are saved with what is typed
  #questioned = ""; // the place and amount that was asked about last

  /** @param {HTMLElement} root @param {MarketCatalogue} markets Loaded again after a change. */
  constructor(root, markets) {
    this.#parts = partsOf(root);
    this.#markets = markets;
  }

  start() {
    const { open, dialog, form, market, choices, threshold_usd: whale, remove } = this.#parts;
    makeClosable(dialog);
    open.addEventListener("click", () => this.#open());
    market.addEventListener("change", () => this.#showPlace());
    choices.addEventListener("change", (/** @type {Event} */ event) => {
      this.#choose(/** @type {HTMLInputElement} */ (event.target).value);
    });
    whale.addEventListener("input", () => {
      this.#hours = null;
      this.#showEstimate();
    });
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      if (this.#meantSo()) this.#change(() => this.#save());
    });
    remove.addEventListener("click", async () => {
      if (await this.#change(() => this.#remove())) market.focus();
    });
  }

  /** @param {StatusMessage} status */
  onStatus({ exchanges }) {
    this.#ingested = exchanges?.map(({ exchange }) => exchange) ?? this.#ingested;
  }

  async #open() {
    const { dialog, held } = this.#parts;
    if (this.#busy) {
      dialog.showModal(); // with the change that is under way
      return;
    }
    this.#clearNotes();
    setText(held, "Loading…");
    this.#lock(true);
    dialog.showModal();
    await this.#load(view.symbol ? marketOf(view) : `${ANY}:${ANY}`);
  }

  /** @param {boolean} locked */
  #lock(locked) {
    this.#locked = locked;
    lockForm(this.#parts, locked);
  }

  /** Opens the form for changes where it succeeds. @param {string} place What is chosen then. */
  async #load(place) {
    const { error, held, market } = this.#parts;
    const load = (this.#loads += 1);
    this.#lock(true);
    try {
      /** @type {[Thresholds, { items: Suggestion[] }]} */
      const [thresholds, suggestions] = await Promise.all([get("/thresholds"), get("/thresholds/suggestions")]);
      if (load !== this.#loads) return;
      this.#rows = thresholds.items;
      this.#readOnly = thresholds.read_only;
      this.#suggestions = suggestions.items;
    } catch (failure) {
      if (load !== this.#loads) return;
      setText(held, "");
      const reason = /** @type {Error} */ (failure).message;
      setText(error, `Thresholds can't be loaded: ${reason}. Open this again to retry.`);
      return;
    }
    const places = listPlaces(this.#markets.list(), this.#ingested, [...this.#rows, parsePlace(place)]);
    const options = places.map((value) => element("option", { value, text: nameOf(parsePlace(value)) }));
    market.replaceChildren(...options);
    market.value = place;
    this.#lock(false);
    this.#showPlace();
  }

  get #place() {
    return parsePlace(this.#parts.market.value);
  }

  get #suggestion() {
    return this.#suggestions.find((one) => marketOf(one) === this.#parts.market.value);
  }

  /** @param {string} value Of a choice: its amount, or BY_HOUR. */
  #choose(value) {
    const suggestion = value === BY_HOUR ? this.#suggestion : undefined;
    this.#hours = suggestion ? listHours(suggestion) : null;
    this.#parts.threshold_usd.value = suggestion ? suggestion.usd : value;
    this.#showEstimate();
  }

  /** Show what applies at the chosen place, and what is suggested for it. */
  #showPlace() {
    const { held, market, remove, save, locked } = this.#parts;
    this.#clearNotes();
    const row = findApplying(this.#rows, this.#place);
    const own = Boolean(row && marketOf(row) === market.value);
    this.#hours = row && own ? row.hours_usd : null;
    setText(held, row ? this.#describe(row) : "");
    for (const field of FIELDS) {
      const set = field === "threshold_usd" || row?.set_tiers.some((tier) => field.startsWith(tier));
      this.#parts[field].value = row && own && set ? /** @type {any} */ (row)[field] : "";
      this.#parts[field].disabled = this.#readOnly !== null;
    }
    remove.hidden = !own || market.value === `${ANY}:${ANY}` || this.#readOnly !== null;
    save.hidden = this.#readOnly !== null;
    setText(locked, this.#readOnly ?? "");
    showChoices(this.#parts, this.#suggestion, this.#readOnly !== null);
    this.#showEstimate();
  }

  /** @param {Threshold} row */
  #describe(row) {
    const whose = row.origin === "suggested" ? "suggested by the platform" : "set";
    const later = Date.parse(row.valid_from) > Date.now();
    const when = later ? ` from ${clock(row.valid_from, "bar")} ${zoneName()} on` : "";
    return `Now: ${describeAmounts(row)}; ${whose} for ${nameOf(row)}${when}.`;
  }

  /** What the typed amount would have given, or the amounts of hours; the choice that it is, if any, is marked. */
  #showEstimate() {
    const { estimate, threshold_usd: whale } = this.#parts;
    const [amount, hours] = [parseAmount(whale.value), this.#hours];
    const ofHours = hours && `By the hour of the week ${describeHours(hours)}; an amount typed replaces that.`;
    setText(estimate, ofHours ?? estimateAlerts(this.#suggestion, Number(amount)));
    markChoice(this.#parts, this.#suggestion, amount, hours);
  }

  #clearNotes() {
    const { error, said } = this.#parts;
    setText(error, "");
    setText(said, "");
    showErrors(this.#parts, {});
  }

  /** Whether to save: an amount far below what holds is asked about first, and saved at the second time. */
  #meantSo() {
    const amount = parseAmount(this.#parts.threshold_usd.value);
    const question = amount && questionAmount(findApplying(this.#rows, this.#place), Number(amount));
    const asked = `${this.#parts.market.value} ${amount}`;
    if (!question || this.#locked || this.#readOnly !== null || this.#questioned === asked) return true;
    this.#questioned = asked;
    this.#clearNotes();
    showErrors(this.#parts, { threshold_usd: question });
    return false;
  }

  /** One change after the other; whether it was made. @param {() => Promise<string>} work Returns it in words. */
  async #change(work) {
    if (this.#locked || this.#readOnly !== null) return false;
    this.#busy = true;
    this.#lock(true);
    this.#clearNotes();
    const { error, market, said } = this.#parts;
    let done = "";
    try {
      done = await work();
    } catch (failure) {
      this.#lock(false);
      const errors = splitRefusal(/** @type {Error} */ (failure).message);
      showErrors(this.#parts, errors);
      setText(error, errors[""] ?? "");
    }
    if (done) await Promise.all([this.#load(market.value), this.#markets.load()]);
    setText(said, done);
    this.#busy = false;
    return done !== "";
  }

  get #path() {
    const { exchange, symbol } = this.#place;
    return `/thresholds/${encodeURIComponent(exchange)}/${encodeURIComponent(symbol)}`;
  }

  async #save() {
    const amounts = FIELDS.map((field) => [field, parseAmount(this.#parts[field].value)]);
    const content = amounts.map(([field, text]) => [field, text || (field === "threshold_usd" ? "" : null)]);
    const hours = this.#hours && { hours_usd: this.#hours };
    /** @type {Threshold} */
    const row = await send("PUT", this.#path, { ...Object.fromEntries(content), ...hours });
    const since = `from ${clock(row.valid_from, "bar")} ${zoneName()} on`;
    const taken = "The stream takes it up at its next checkpoint.";
    return `Saved for ${nameOf(row)}: ${describeAmounts(row)}, ${since}. ${taken}`;
  }

  async #remove() {
    const name = nameOf(this.#place);
    await send("DELETE", this.#path);
    return `Removed for ${name}.`;
  }
}
