// Before the first paint, so that the chosen theme does not flash in.
try {
  const theme = localStorage.getItem("blazing-sun.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's preference holds.
}
