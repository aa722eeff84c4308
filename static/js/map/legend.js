// The legend follows what is shown: the ranges stand in the swatches, the cells of each class above them.
const text = (tag, words, className) => Object.assign(document.createElement(tag), { textContent: words, className: className || "" });

export function showLegend(config) {
  for (const part of document.querySelectorAll("[data-legend]")) part.hidden = !part.dataset.legend.split(" ").includes(config.show);
  const holder = document.querySelector("#ramp"), legend = config.legends?.[config.show];
  if (!holder || !legend) return;
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
    line.append(text("span", entry.words, `c ${legend.ramp}-${k + 1}`));
    return line;
  }));
}
