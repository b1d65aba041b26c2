// The rows of a long table of which only those in sight, and a few around them, are in the page. Two bodies without
// rows stand for the others, so that the table scrolls as if all were there. All rows have one height, which is
// measured. The row in focus stays in the page wherever the reader scrolls, so that the keyboard goes on from it; by
// `aria-rowindex` a screen reader knows where a row is among all.

import { element, oncePerFrame, reorderChildren } from "./dom.js";

const AROUND = 8; // rows beyond either edge
const FIRST = 30; // rows before a height is known
const HEAD = 1; // rows of the head, which aria-rowindex counts

/**
 * @typedef {object} Places The elements of the table.
 * @property {HTMLElement} scroll What scrolls.
 * @property {HTMLElement} body Of the rows.
 * @property {HTMLElement} above A body for what is left out above,
 * @property {HTMLElement} below and below.
 */

/**
 * @template Item
 * @template {{ node: HTMLElement }} Row
 */
export class VirtualRows {
  #places;
  #make;
  #onMove;
  /** @type {Item[]} */
  #items = [];
  /** @type {Map<Item, Row>} The rows in the page. */
  #rows = new Map();
  #height = 0; // of a row, px; 0 until one was measured
  #spacers;

  /**
   * @param {Places} places
   * @param {(item: Item) => Row} make
   * @param {() => void} onMove Other rows have come into the page.
   */
  constructor(places, make, onMove) {
    this.#places = places;
    this.#make = make;
    this.#onMove = onMove;
    this.#spacers = [places.above, places.below].map(makeSpacer);
    places.scroll.addEventListener("scroll", oncePerFrame(() => this.#move()));
  }

  /** The rows in the page by their items. */
  get rows() {
    return this.#rows;
  }

  /** Show these items, in this order. @param {Item[]} items */
  show(items) {
    this.#items = items;
    this.#places.body.closest("table")?.setAttribute("aria-rowcount", String(items.length + HEAD));
    this.#draw();
    if (this.#measure()) this.#draw();
  }

  /** The row after (1) or before (-1) a row of the page. @param {Element | null} node @param {1 | -1} step */
  beside(node, step) {
    const index = this.#items.findIndex((item) => this.#rows.get(item)?.node === node);
    return index < 0 || index + step < 0 ? null : this.at(index + step);
  }

  /** The row of a place in the list, scrolled into sight; negative: from its end. @param {number} index */
  at(index) {
    const item = this.#items.at(index);
    if (index >= this.#items.length || item === undefined) return null;
    this.#scrollTo(index < 0 ? this.#items.length + index : index);
    this.#move();
    return this.#rows.get(item)?.node ?? null;
  }

  #move() {
    this.#measure();
    if (this.#draw()) this.#onMove();
  }

  /** @returns {boolean} Whether rows have another height than before: they grow with the window. */
  #measure() {
    const [row] = this.#rows.values();
    const before = this.#height;
    this.#height = row?.node.getBoundingClientRect().height || before;
    return this.#height !== before;
  }

  /** @param {number} index */
  #scrollTo(index) {
    const { scroll } = this.#places;
    const [top, bottom] = [index * this.#height, (index + 1) * this.#height];
    const room = scroll.clientHeight - this.#headHeight();
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (bottom > scroll.scrollTop + room) scroll.scrollTop = bottom - room;
  }

  #headHeight() {
    return this.#places.body.closest("table")?.querySelector("thead")?.getBoundingClientRect().height ?? 0;
  }

  /** @returns {[number, number]} The items in sight and around: the first, and the one after the last. */
  #range() {
    if (!this.#height) return [0, FIRST];
    const { scrollTop, clientHeight } = this.#places.scroll;
    const first = Math.min(Math.floor(scrollTop / this.#height), this.#items.length);
    const count = Math.ceil(clientHeight / this.#height) + AROUND;
    return [Math.max(0, first - AROUND), first + count];
  }

  /** @returns {boolean} Whether other rows are in the page than before. */
  #draw() {
    const { body } = this.#places;
    const [from, to] = this.#range();
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = active && body.contains(active) ? active : null;
    const kept = this.#items.findIndex((item) => focused && this.#rows.get(item)?.node.contains(focused));
    /** @type {Map<Item, Row>} */
    const rows = new Map();
    let above = from;
    let moved = false;
    const put = (/** @type {number} */ index) => {
      const item = this.#items[index];
      const row = this.#rows.get(item) ?? this.#make(item);
      moved ||= !this.#rows.has(item);
      row.node.setAttribute("aria-rowindex", String(index + 1 + HEAD));
      rows.set(item, row);
    };
    if (kept >= 0 && kept < from) put(kept), (above -= 1);
    for (let index = from; index < Math.min(to, this.#items.length); index += 1) put(index);
    if (kept >= to) put(kept);
    this.#rows = rows;
    reorderChildren(body, [...rows.values()].map((row) => row.node));
    this.#stretch(above, this.#items.length - above - rows.size); // before `focus`, which has the browser lay out
    const lost = focused && document.activeElement !== focused; // where its row was moved
    if (lost && body.contains(focused)) focused.focus({ preventScroll: true });
    return moved;
  }

  /** @param {number} above How many rows are left out above, @param {number} below and below. */
  #stretch(above, below) {
    const heights = [above, below].map((count) => `${count * this.#height}px`);
    this.#spacers.forEach((cell, index) => {
      if (cell.style.height !== heights[index]) cell.style.height = heights[index];
    });
  }
}

/** @param {HTMLElement} body */
function makeSpacer(body) {
  const cell = element("td", { colspan: 3 });
  body.append(element("tr", {}, cell));
  return cell;
}
