// The legend follows what is shown: the ranges stand in the swatches, the cells of each class above them.
const text = (tag, words, className) => Object.assign(document.createElement(tag), { textContent: words, className: className || "" });

// Wide views draw hexagons whose classes are wider: the legend says the ranges of what is on the screen.
function inView(config, legend, zoom) {
  const wide = config.wide, level = String(Math.floor(zoom ?? 99));
  if (["coverage", "hour", "backup", "access"].includes(config.show) || !wide) return legend;
  const different = config.show.startsWith("difference");
  const words = (different ? wide[`${config.show}Words`] : wide.words)?.[level];
  if (!words) return legend;
  return { ...legend, title: different ? wide[`${config.show}Title`] : wide.title, classes: words.map(range => ({ words: range, cells: null })) };
}

export function showLegend(config, zoom) {
  for (const part of document.querySelectorAll("[data-legend]")) part.hidden = !part.dataset.legend.split(" ").includes(config.show);
  const holder = document.querySelector("#ramp");
  if (!holder || !config.legends?.[config.show]) return;
  const legend = inView(config, config.legends[config.show], zoom);
  for (const note of document.querySelectorAll("[data-counts]")) note.hidden = !legend.classes.some(entry => entry.cells !== null);
  const title = document.querySelector("#legend-title");
  if (title) title.textContent = legend.title;
  const most = Math.max(1, ...legend.classes.map(entry => entry.cells ?? 0));
  holder.replaceChildren(...legend.classes.map((entry, k) => {
    const line = document.createElement("li");
    if (entry.cells !== null && entry.cells !== undefined) {
      line.append(text("span", entry.cells.toLocaleString("en")));
      const bar = document.createElement("span");
      bar.className = "bar-h";
      bar.style.height = `${Math.max(1, entry.cells / most * 22)}px`;
      line.append(bar);
    }
    line.append(text("span", entry.words, `c ${legend.ramp}-${legend.steps?.[k] ?? k + 1}`));
    return line;
  }));
}
