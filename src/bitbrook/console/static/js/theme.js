/* Before the first paint: the theme that was chosen, if it is not the system's. */
try {
  const theme = localStorage.getItem("bitbrook.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing for pages has the system's theme.
}
