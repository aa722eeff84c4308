// Small drawings as inline SVG: what more money buys, and work by year. Their numbers also stand in the page as a table.
const SVG = "http://www.w3.org/2000/svg";
const make = (tag, attributes = {}, words) => {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (words !== undefined) element.textContent = words;
  return element;
};

function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 2.5, 5, 10].map(step => step * power).find(top => top >= value) ?? value;
}

// config: { points: [{x, y, label}], bound, this: index, xTitle, yTitle, xText: [..ticks], yText }
export function drawCurve(holder, config) {
  const width = Math.max(holder.clientWidth, 260), height = Math.max(holder.clientHeight, 150);
  const left = 52, right = 16, top = 22, bottom = 36;
  const xTop = niceTop(Math.max(...config.points.map(point => point.x)) * 1.02), yTop = niceTop(Math.max(...config.points.map(point => point.bound ?? point.y)) * 1.02);
  const x = value => left + value / xTop * (width - left - right), y = value => height - bottom - value / yTop * (height - top - bottom);
  const svg = make("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": config.label });
  const compact = new Intl.NumberFormat(document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en", { notation: "compact", maximumFractionDigits: 1 });
  const short = value => compact.format(value).replace("K", "k");
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(make("line", { class: share ? "grid" : "axis", x1: left, x2: width - right, y1: y(yTop * share), y2: y(yTop * share) }));
    svg.append(make("text", { x: left - 8, y: y(yTop * share) + 4, "text-anchor": "end" }, short(yTop * share)));
    svg.append(make("text", { x: x(xTop * share), y: height - bottom + 17, "text-anchor": "middle" }, short(xTop * share)));
  }
  svg.append(make("text", { x: 2, y: 12 }, config.yTitle), make("text", { x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle" }, config.xTitle));
  const path = key => config.points.filter(point => point[key] !== null && point[key] !== undefined).map((point, k) => `${k ? "L" : "M"}${x(point.x).toFixed(1)} ${y(point[key]).toFixed(1)}`).join("");
  if (config.points.some(point => point.bound)) svg.append(make("path", { class: "bound", d: path("bound") }));
  svg.append(make("path", { class: "line", d: path("y") }));
  config.points.forEach((point, k) => {
    const here = point.order === config.lit || k === config.this;
    if (!here && config.points.length > 40) return;
    const dot = make("circle", { cx: x(point.x), cy: y(point.y), r: here ? 6 : 3.2, class: here ? "this" : "" });
    dot.append(make("title", {}, point.label));
    svg.append(dot);
    if (k === config.this && config.thisLabel) svg.append(make("text", { class: "strong", x: Math.min(x(point.x), width - 4), y: y(point.y) < 40 ? y(point.y) + 22 : y(point.y) - 12, "text-anchor": x(point.x) > width * 0.6 ? "end" : "start" }, config.thisLabel));
  });
  holder.replaceChildren(svg);
}

for (const holder of document.querySelectorAll("[data-curve]")) {
  const config = JSON.parse(document.getElementById(holder.dataset.curve).textContent);
  if (!config.points.length) continue;
  drawCurve(holder, config);
  addEventListener("resize", () => drawCurve(holder, config));
}
