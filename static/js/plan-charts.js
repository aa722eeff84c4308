// Drawings of a plan's money and of its coverage over the years, as inline SVG. Every number also stands in a table of the page.
const SVG = "http://www.w3.org/2000/svg";
export const make = (tag, attributes = {}, words) => {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (words !== undefined) element.textContent = words;
  return element;
};

export function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10].map(step => step * power).find(top => top >= value * 0.9999) ?? value;
}

const chinese = document.documentElement.lang.startsWith("zh");
const compact = new Intl.NumberFormat(chinese ? "zh-CN" : "en", { notation: "compact", maximumFractionDigits: 1 });
export const short = value => compact.format(value).replace("K", "k");

// Axes with four lines across; x ticks are the caller's.
export function axes(holder, config, { left = 52, right = 16, top = 26, bottom = 36, yTop }) {
  const width = Math.max(holder.clientWidth, 260), height = Math.max(holder.clientHeight, 200);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": config.label });
  const y = value => height - bottom - value / yTop * (height - top - bottom);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(make("line", { class: share ? "grid" : "axis", x1: left, x2: width - right, y1: y(yTop * share), y2: y(yTop * share) }));
    svg.append(make("text", { x: left - 8, y: y(yTop * share) + 4, "text-anchor": "end" }, short(yTop * share)));
  }
  svg.append(make("text", { x: 0, y: 12 }, config.yTitle));
  return { svg, width, height, y, left, right, top, bottom };
}

// config: { years: [{label, budget, parts: [{kind, value, words}]}], yTitle, budgetWords, label }
export function drawStack(holder, config) {
  const sums = config.years.map(year => year.parts.reduce((sum, part) => sum + part.value, 0));
  const yTop = niceTop(Math.max(...sums, ...config.years.map(year => year.budget ?? 0), 1e-9));
  const { svg, width, height, y, left, right, bottom } = axes(holder, config, { yTop });
  const step = (width - left - right) / config.years.length, wide = Math.min(step * 0.6, 64);
  config.years.forEach((year, k) => {
    const middle = left + step * (k + 0.5);
    let base = 0;
    for (const part of year.parts) {
      if (!part.value) continue;
      const bar = make("rect", { class: `fund-${part.kind}`, x: middle - wide / 2, width: wide, y: y(base + part.value), height: Math.max(y(base) - y(base + part.value), 0.5) });
      bar.append(make("title", {}, part.words));
      svg.append(bar);
      base += part.value;
    }
    if (year.budget !== null && year.budget !== undefined) {
      const line = make("line", { class: "limit", x1: middle - wide / 2 - 4, x2: middle + wide / 2 + 4, y1: y(year.budget), y2: y(year.budget) });
      line.append(make("title", {}, `${year.label}, ${config.budgetWords}`));
      svg.append(line);
    }
    svg.append(make("text", { x: middle, y: height - bottom + 17, "text-anchor": "middle" }, year.label));
  });
  const first = config.years.find(year => year.budget !== null && year.budget !== undefined);
  if (first) svg.append(make("text", { class: "note", x: width - right, y: 12, "text-anchor": "end" }, `┄ ${config.budgetWords}`));
  holder.replaceChildren(svg);
}

// config: { from, months, steps: [[month, value]], greedy, planWords, greedyWords, yTitle, label }
export function drawSteps(holder, config) {
  const yTop = niceTop(Math.max(...config.steps.map(step => step[1]), ...config.greedy.map(step => step[1]), 1e-9));
  const { svg, width, height, y, left, right, bottom, top } = axes(holder, config, { yTop });
  const x = month => left + month / config.months * (width - left - right);
  const path = steps => steps.map(([month, value]) => `H${x(month).toFixed(1)}V${y(value).toFixed(1)}`).join("");
  for (let month = 0; month <= config.months; month += 12) {
    svg.append(make("line", { class: "grid", x1: x(month), x2: x(month), y1: top, y2: height - bottom }));
    if (month < config.months) svg.append(make("text", { x: x(Math.min(month + 6, config.months)), y: height - bottom + 17, "text-anchor": "middle" }, String(config.from + month / 12)));
  }
  for (const [steps, look, words] of [[config.greedy, "greedy", config.greedyWords], [config.steps, "strong", config.planWords]]) {
    const line = make("path", { class: look, d: `M${left} ${y(0).toFixed(1)}${path(steps)}H${(width - right).toFixed(1)}` });
    line.append(make("title", {}, words));
    svg.append(line);
  }
  holder.replaceChildren(svg);
}

for (const [name, draw] of [["stack", drawStack], ["steps", drawSteps]]) {
  for (const holder of document.querySelectorAll(`[data-${name}]`)) {
    const config = JSON.parse(document.getElementById(holder.dataset[name]).textContent);
    draw(holder, config);
    addEventListener("resize", () => draw(holder, config));
  }
}
