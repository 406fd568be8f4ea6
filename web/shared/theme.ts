/** Under this name `public/theme.js` finds the choice before the page is painted. */
const KEY = "blazing-sun.theme";

/** From light to dark or back, and kept for the next visit. */
export function changeTheme(): void {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem(KEY, root.dataset.theme);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
}
