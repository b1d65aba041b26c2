// Lists that are walked by keys: arrows or j and k move, Enter is the button's own. One row of a list is in the tab
// order, the one that was last in focus, so that Tab goes past a list of 500 whales in one step.

const DOWN = new Set(["ArrowDown", "j"]);
const UP = new Set(["ArrowUp", "k"]);

/** body: the element whose children hold one `button.row` each. open(row element). */
export function keyboardList(body, open) {
  const button = (row) => row?.querySelector("button.row");
  const enter = (row) => {
    const next = button(row);
    if (!next) return;
    for (const other of body.querySelectorAll('button.row[tabindex="0"]')) other.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    row.scrollIntoView({ block: "nearest" });
  };
  body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target.closest("tr");
    if (DOWN.has(event.key)) enter(row.nextElementSibling);
    else if (UP.has(event.key)) enter(row.previousElementSibling);
    else if (event.key === "Home") enter(body.firstElementChild);
    else if (event.key === "End") enter(body.lastElementChild);
    else return;
    event.preventDefault();
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && button(row)) open(row);
  });
  return {
    first: () => enter(body.firstElementChild),
    /** After rows have come or gone: one of them must be in the tab order. */
    settle: () => {
      const first = button(body.firstElementChild);
      if (first && !body.querySelector('button.row[tabindex="0"]')) first.tabIndex = 0;
    },
  };
}
