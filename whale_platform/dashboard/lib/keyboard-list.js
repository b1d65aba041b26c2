// Lists that are walked by keys: arrows or j and k move, Enter is the button's own. One row of a list is in the tab
// order, the one that was last in focus, so that Tab goes past a list of 500 whales in one step.

const DOWN = new Set(["ArrowDown", "j"]);
const UP = new Set(["ArrowUp", "k"]);

/**
 * @typedef {{ first: () => void, settle: () => void }} KeyboardList
 *
 * @typedef {object} Order Where a row's neighbours are, some of which may not be in the page yet.
 * @property {(row: Element | null, step: 1 | -1) => Element | null} beside
 * @property {(index: 0 | -1) => Element | null} at The first or the last.
 */

/**
 * Make the rows of `body`, which hold one `button.row` each, a list of that kind.
 *
 * @param {HTMLElement} body
 * @param {(row: HTMLElement) => void} open A row was chosen.
 * @param {Order} [order] Where not all rows are in the page.
 * @returns {KeyboardList} `first` puts the focus on the first row; `settle` is due after rows have come or gone, as one
 *   of them must be in the tab order.
 */
export function keyboardList(body, open, order = childrenOf(body)) {
  /** @param {Element | null} row @returns {HTMLButtonElement | null} */
  const button = (row) => row?.querySelector("button.row") ?? null;
  /** @param {Element | null} row */
  const enter = (row) => {
    const next = button(row);
    if (!row || !next) return;
    for (const other of body.querySelectorAll('button.row[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    next.tabIndex = 0;
    next.focus();
    row.scrollIntoView({ block: "nearest" });
  };
  /** @param {Event} event @returns {HTMLElement | null} */
  const rowOf = (event) => /** @type {Element} */ (event.target).closest("tr");
  body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rowOf(event);
    if (DOWN.has(event.key)) enter(order.beside(row, 1));
    else if (UP.has(event.key)) enter(order.beside(row, -1));
    else if (event.key === "Home") enter(order.at(0));
    else if (event.key === "End") enter(order.at(-1));
    else return;
    event.preventDefault();
  });
  body.addEventListener("click", (event) => {
    const row = rowOf(event);
    if (row && button(row)) open(row);
  });
  return {
    first: () => enter(order.at(0)),
    settle: () => {
      const first = button(body.firstElementChild);
      if (first && !body.querySelector('button.row[tabindex="0"]')) first.tabIndex = 0;
    },
  };
}

/** @param {HTMLElement} body @returns {Order} */
function childrenOf(body) {
  return {
    beside: (row, step) => (step > 0 ? row?.nextElementSibling : row?.previousElementSibling) ?? null,
    at: (index) => (index ? body.lastElementChild : body.firstElementChild),
  };
}
