// The few helpers that every panel needs to touch the page: find, make, draw once a frame. Text always goes in as
// text, never as markup, so nothing an exchange sends can become part of the page.

/**
 * @typedef {Record<string, any>} Properties Attributes, `class`, `text`, or on… handlers; null and false are left out.
 * @typedef {Node | string | null | undefined} Child
 */

/** An element of the page itself; panels look inside their root. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * The same in SVG.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svgElement(tag, properties = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/**
 * @template {Element} T
 * @param {T} node
 * @param {Properties} properties
 * @param {Child[]} children
 */
function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * Set text only where it differs: no layout for nothing.
 *
 * @param {HTMLElement} node
 * @param {string} text
 * @param {string} [title]
 */
export function setText(node, text, title) {
  if (node.textContent !== text) node.textContent = text;
  if (title !== undefined && node.title !== title) node.title = title;
}

/**
 * A function that has `draw` run once in the next frame, however often it is called. A hidden page draws nothing.
 *
 * @param {() => void} draw
 */
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/**
 * A function that runs `work` now, and again at most every `ms`.
 *
 * @param {() => void} work
 * @param {number} ms
 */
export function throttle(work, ms) {
  let waiting = false;
  let again = false;
  const run = () => {
    if (waiting) {
      again = true;
      return;
    }
    work();
    waiting = true;
    setTimeout(() => {
      waiting = false;
      if (again) {
        again = false;
        run();
      }
    }, ms);
  };
  return run;
}

/** Whether it is to be seen: hidden panels are not drawn. @param {HTMLElement} node */
export const isVisible = (node) => node.checkVisibility?.() ?? node.offsetParent !== null;

/**
 * Put `rows` into `body` in this order, moving only what is out of place.
 *
 * @param {Element} body
 * @param {Element[]} rows
 */
export function reorderChildren(body, rows) {
  let next = body.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
  while (next) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
}

/**
 * Have a dialog close by its button and by a click beside it; Escape and the focus are the browser's.
 *
 * @param {HTMLDialogElement} dialog
 */
export function makeClosable(dialog) {
  dialog.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target === dialog || target.closest("[data-close]")) dialog.close();
  });
}
