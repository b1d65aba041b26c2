// What a reader has chosen for this browser: time zone, sound, theme. Where storage is refused, choices last as long
// as the page.

const held = new Map();

/** @param {string} name @param {string} otherwise */
export function pref(name, otherwise) {
  if (held.has(name)) return held.get(name);
  try {
    return localStorage.getItem(`whale.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {string} value */
export function setPref(name, value) {
  held.set(name, value);
  try {
    localStorage.setItem(`whale.${name}`, value);
  } catch {
    // kept in `held`
  }
}
