// Stands in for the page: elements with what panels use of them, frames that are drawn when a test says so, timers that
// never go off, and a steady clock that stands still.

const frames = [];
const HEIGHTS = { tr: 10, thead: 5 };

/** Draw: run what waits for the next frame. */
export function frame() {
  for (const draw of frames.splice(0)) draw();
}

/** Let what is under way, answers of the API among it, come to its end. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

const DATASET = {
  get: (node, name) => node.getAttribute(`data-${name}`) ?? undefined,
  set: (node, name, value) => {
    node.setAttribute(`data-${name}`, value);
    return true;
  },
};

class FakeElement {
  constructor(tag) {
    Object.assign(this, { tag, parentElement: null, children: [], attributes: new Map(), listeners: new Map() });
    Object.assign(this, { title: "", value: "", scrollTop: 0, clientHeight: 100, scrollHeight: 1000, text: "" });
    this.dataset = new Proxy(this, DATASET);
    this.style = { setProperty: () => {} };
    this.classList = {
      contains: (name) => this.className.split(" ").includes(name),
      toggle: (name, on) => {
        const others = this.className.split(" ").filter((held) => held && held !== name);
        this.className = (on ? [...others, name] : others).join(" ");
      },
    };
  }

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  setAttribute(name, value) {
    this.attributes.set(name, String(value));
    if (name === "value") this.value = String(value);
  }

  removeAttribute(name) {
    this.attributes.delete(name);
  }

  get tabIndex() {
    return Number(this.getAttribute("tabindex") ?? 0);
  }

  set tabIndex(index) {
    this.setAttribute("tabindex", index);
  }

  get className() {
    return this.getAttribute("class") ?? "";
  }

  set className(text) {
    this.setAttribute("class", text);
  }

  get textContent() {
    return this.text + this.children.map((child) => child.textContent).join("");
  }

  set textContent(text) {
    this.children = [];
    this.text = text;
  }

  get options() {
    return this.children;
  }

  get firstElementChild() {
    return this.children[0] ?? null;
  }

  get nextElementSibling() {
    const row = this.parentElement?.children ?? [];
    return row[row.indexOf(this) + 1] ?? null;
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  insertBefore(node, before) {
    if (typeof node === "string") {
      this.text += node;
      return;
    }
    node.remove();
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, node);
    node.parentElement = this;
  }

  remove() {
    if (this.contains(document.activeElement)) document.activeElement = null;
    const parent = this.parentElement;
    if (parent) parent.children = parent.children.filter((node) => node !== this);
    this.parentElement = null;
  }

  replaceChildren(...nodes) {
    for (const node of this.children) node.remove();
    this.append(...nodes);
  }

  matches(selector) {
    const simple = selector.match(/[^.[:]+|\.[\w-]+|\[[^\]]+\]|:not\([^)]+\)/g);
    return simple.every((part) => {
      if (part.startsWith(":not(")) return !this.matches(part.slice(5, -1));
      if (part.startsWith(".")) return this.classList.contains(part.slice(1));
      if (!part.startsWith("[")) return this.tag === part;
      const [name, value] = part.slice(1, -1).split("=");
      const held = this.getAttribute(name);
      return value === undefined ? held !== null : held === value.replaceAll('"', "");
    });
  }

  querySelectorAll(selector) {
    return this.children.flatMap((node) => {
      const inside = node.querySelectorAll(selector);
      return node.matches(selector) ? [node, ...inside] : inside;
    });
  }

  querySelector(selector) {
    for (const node of this.children) {
      const found = node.matches(selector) ? node : node.querySelector(selector);
      if (found) return found;
    }
    return null;
  }

  closest(selector) {
    return this.matches(selector) ? this : (this.parentElement?.closest(selector) ?? null);
  }

  addEventListener(name, listener) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }

  /** What the reader does. */
  dispatch(name, event = {}) {
    const whole = { target: this, preventDefault: () => {}, ...event };
    for (const listener of this.listeners.get(name) ?? []) listener(whole);
  }

  contains(node) {
    return node === this || this.children.some((child) => child.contains(node));
  }

  focus() {
    document.activeElement = this;
  }

  scrollIntoView() {}

  getBoundingClientRect() {
    return { height: HEIGHTS[this.tag] ?? 100 };
  }

  checkVisibility() {
    return true;
  }
}

globalThis.document = {
  createElement: (tag) => new FakeElement(tag),
  createElementNS: (_, tag) => new FakeElement(tag),
  addEventListener: () => {},
  title: "",
};
globalThis.requestAnimationFrame = (draw) => frames.push(draw);
globalThis.setInterval = globalThis.setTimeout = () => 0;
globalThis.performance.now = () => 1_000;

/** An element of the page; attributes as in HTML. */
export function makeNode(tag, attributes = {}, ...children) {
  const made = new FakeElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The root of a panel, with its parts. */
export function makeRoot(kind, parts) {
  return makeNode("section", { "data-panel": kind }, ...parts.map((name) => makeNode("div", { "data-part": name })));
}

/** The text of a panel's part. */
export const textOf = (panel, part) => panel.querySelector(`[data-part="${part}"]`).textContent;
