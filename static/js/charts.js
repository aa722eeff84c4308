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

// --- analyses of a run -----------------------------------------------------------------------------

const percent = value => `${Math.round(value * 100)}${document.documentElement.lang.startsWith("zh") ? "%" : "\u00a0%"}`;

function frame(holder, config, { left, right, top, bottom }) {
  const width = Math.max(holder.clientWidth, 260), height = Math.max(holder.clientHeight, 180);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": config.label });
  const y = share => height - bottom - share * (height - top - bottom);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(make("line", { class: share ? "grid" : "axis", x1: left, x2: width - right, y1: y(share), y2: y(share) }));
    svg.append(make("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  }
  svg.append(make("text", { x: 0, y: 12 }, config.yTitle), make("text", { x: (left + width - right) / 2, y: height - 2, "text-anchor": "middle" }, config.xTitle));
  return { svg, width, height, y };
}

// Served share by hour: steps, because a place counts from the hour it is ready. Early hours get more room.
// config: { hours, ticks, share, curves: [{name, strong, values}], xTitle, yTitle, label }
export function drawHours(holder, config) {
  const narrow = holder.clientWidth < 520, left = 48, right = narrow ? 12 : 152, top = 26, bottom = 38;
  const { svg, width, height, y } = frame(holder, config, { left, right, top, bottom });
  const last = Math.max(...config.hours, 1) * 1.12, x = hour => left + Math.log1p(hour) / Math.log1p(last) * (width - left - right);
  let free = -Infinity;
  for (const hour of config.ticks) {
    if (x(hour) - free < 26) continue;
    free = x(hour);
    svg.append(make("line", { class: "grid", x1: x(hour), x2: x(hour), y1: top, y2: height - bottom }), make("text", { x: x(hour), y: height - bottom + 17, "text-anchor": "middle" }, String(hour)));
  }
  svg.append(make("line", { class: "limit", x1: left, x2: width - right, y1: y(config.share), y2: y(config.share) }));
  const ends = [];
  for (const curve of [...config.curves].sort((a, b) => a.strong - b.strong)) {
    const d = curve.values.map((value, k) => `${k ? `H${x(config.hours[k]).toFixed(1)}V` : `M${x(config.hours[0]).toFixed(1)} `}${y(value).toFixed(1)}`).join("") + `H${(width - right).toFixed(1)}`;
    const path = make("path", { d, class: curve.strong ? "strong" : "" });
    path.append(make("title", {}, curve.name));
    svg.append(path);
    ends.push({ name: curve.name, strong: curve.strong, at: y(curve.values.at(-1)) });
  }
  if (!narrow) {
    // names at the ends, pushed apart so that none covers another
    ends.sort((a, b) => a.at - b.at);
    let lowest = top - 6;
    for (const end of ends) {
      const at = Math.max(end.at + 4, lowest + 15);
      lowest = at;
      if (at < height - 4) svg.append(make("text", { class: end.strong ? "strong" : "one", x: width - right + 8, y: at }, end.name.length > 20 ? `${end.name.slice(0, 19)}…` : end.name));
    }
  }
  holder.replaceChildren(svg);
}

// config: { points: [[share of need, share of served]], xTitle, yTitle, even, worst, label }
export function drawLorenz(holder, config) {
  const left = 48, right = 12, top = 26, bottom = 38;
  const { svg, width, height, y } = frame(holder, config, { left, right, top, bottom });
  const x = share => left + share * (width - left - right);
  const d = config.points.map(([across, up], k) => `${k ? "L" : "M"}${x(across).toFixed(1)} ${y(up).toFixed(1)}`).join("");
  for (const share of [0, 0.25, 0.5, 0.75, 1]) svg.append(make("text", { x: x(share), y: height - bottom + 17, "text-anchor": share === 1 ? "end" : "middle" }, percent(share)));
  svg.append(make("path", { class: "between", d: `${d}Z` }), make("line", { class: "even", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
  svg.append(make("line", { class: "limit", x1: x(config.worst), x2: x(config.worst), y1: y(0), y2: y(1) }), make("path", { class: "strong", d }));
  svg.append(make("text", { x: x(0.5) - 6, y: y(0.5) - 8, "text-anchor": "end" }, config.even));
  holder.replaceChildren(svg);
}

for (const [name, draw] of [["hours", drawHours], ["lorenz", drawLorenz]]) {
  for (const holder of document.querySelectorAll(`[data-${name}]`)) {
    const config = JSON.parse(document.getElementById(holder.dataset[name]).textContent);
    draw(holder, config);
    addEventListener("resize", () => draw(holder, config));
  }
}
