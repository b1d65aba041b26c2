// Sets the theme before the first paint, which a module would come too late for. Without storage: the system's theme.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("whale.theme");
  } catch {
    // storage is refused: the system's theme
  }
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  document.documentElement.dataset.theme = theme === "light" || theme === "dark" ? theme : system;
})();
