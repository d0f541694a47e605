// What the reader chose before, set before anything is painted: theme and size of the text.
{
  const { dataset } = document.documentElement;
  try {
    dataset.theme = localStorage.getItem("fabula-theme") ?? "system";
    dataset.text = localStorage.getItem("fabula-text") ?? "normal";
  } catch {
    dataset.theme = "system"; // A browser that keeps nothing.
  }
}
