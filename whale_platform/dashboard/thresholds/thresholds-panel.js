// Sets from how many dollars on an order is a whale: a button at the tape that opens the form. A suggestion can be
// picked or amounts typed, and what each would have given stands beside it. Amounts by the hour of the week are saved
// with what is typed for the others; an amount typed afterwards takes their place. What is shown as set is what the
// server has answered; what it refuses stands beside the field. Nothing can be typed while thresholds are loaded or
// changed. What another editor has changed meanwhile is not replaced: it is shown, and what was typed stays.

import { ApiError, get, send } from "../data/api.js";
import {
  ANY,
  BY_HOUR,
  buildCondition,
  buildPath,
  describeConflict,
  describeHeld,
  describeHours,
  describeSaved,
  estimateAlerts,
  findApplying,
  findOwn,
  listHours,
  listPlaces,
  nameOf,
  parseAmount,
  parsePlace,
  questionAmount,
  replaceRow,
  splitRefusal,
} from "../data/threshold-choices.js";
import { marketOf, view } from "../data/url-state.js";
import { element, makeClosable, setText } from "../lib/dom.js";
import { partsOf } from "../lib/panel.js";
import { fillForm, lockForm, readForm, showErrors } from "./threshold-fields.js";
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
    const { save, locked } = this.#parts;
    this.#clearNotes();
    const row = findApplying(this.#rows, this.#place);
    const own = this.#showHeld();
    this.#hours = row && own ? row.hours_usd : null;
    fillForm(this.#parts, own ? row : undefined, this.#readOnly !== null);
    save.hidden = this.#readOnly !== null;
    setText(locked, this.#readOnly ?? "");
    showChoices(this.#parts, this.#suggestion, this.#readOnly !== null);
    this.#showEstimate();
  }

  /** Show what applies, and whether it can be removed; returns whether it is of this very place. */
  #showHeld() {
    const { held, market, remove } = this.#parts;
    const row = findApplying(this.#rows, this.#place);
    const own = findOwn(this.#rows, this.#place) !== undefined;
    setText(held, row ? describeHeld(row) : "");
    remove.hidden = !own || market.value === `${ANY}:${ANY}` || this.#readOnly !== null;
    return own;
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
      const conflict = failure instanceof ApiError && failure.status === 412;
      const errors = conflict
        ? { "": this.#takeConflict(failure.problem.current ?? null) }
        : splitRefusal(/** @type {Error} */ (failure).message);
      showErrors(this.#parts, errors);
      setText(error, errors[""] ?? "");
    }
    if (done) await Promise.all([this.#load(market.value), this.#markets.load()]);
    setText(said, done);
    this.#busy = false;
    return done !== "";
  }

  /** What another editor has set, null: removed, is what a next change replaces. @param {Threshold | null} current */
  #takeConflict(current) {
    this.#rows = replaceRow(this.#rows, this.#place, current);
    this.#showHeld();
    return describeConflict(current);
  }

  /** @param {"PUT" | "DELETE"} method @param {object} [content] */
  #send(method, content) {
    return send(method, buildPath(this.#place), content, buildCondition(findOwn(this.#rows, this.#place)));
  }

  async #save() {
    const content = { ...readForm(this.#parts), ...(this.#hours && { hours_usd: this.#hours }) };
    return describeSaved(await this.#send("PUT", content));
  }

  async #remove() {
    await this.#send("DELETE");
    return `Removed for ${nameOf(this.#place)}.`;
  }
}
