// The few helpers that every panel needs to touch the page: find, make, draw once a frame. Text always goes in as
// text, never as markup, so nothing an exchange sends can become part of the page.

/** @returns {any} */
export const byId = (id) => document.getElementById(id);

/** An element. props: attributes, `class`, `text`, or on… handlers; null and false are left out. */
export function element(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
export function svgElement(tag, props = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets text only where it differs: no layout for nothing. */
export function setText(node, text, title) {
  if (node.textContent !== text) node.textContent = text;
  if (title !== undefined && node.title !== title) node.title = title;
}

/** A function that has `draw` run once in the next frame, however often it is called. A hidden page draws nothing. */
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

/** A function that runs `work` now, and again at most every `ms`. */
export function throttle(work, ms) {
  let timer = 0;
  let again = false;
  const run = () => {
    if (timer) {
      again = true;
      return;
    }
    work();
    timer = setTimeout(() => {
      timer = 0;
      if (again) {
        again = false;
        run();
      }
    }, ms);
  };
  return run;
}

/** Whether it is to be seen: hidden panels are not drawn. */
export const isVisible = (node) => node.checkVisibility?.() ?? node.offsetParent !== null;

/** Puts `rows` into `body` in this order, moving only what is out of place. */
export function reorderChildren(body, rows) {
  let at = body.firstElementChild;
  for (const row of rows) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
}

/** Dialogs close by their button and by a click beside them; Escape and the focus are the browser's. */
export function makeClosable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
