// Trade-offs: plans as points over cost and need served, the places of the chosen one on the map beside it, and what two plans
// do not have in common. Everything needed stands in #front-config; every number also in the table below.
import * as maplibregl from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { addPins } from "./map/pins.js";
import { baseStyle } from "./map/style.js";
import { token } from "./map/colours.js";
import { axes, make, niceTop, short } from "./plan-charts.js";

const config = JSON.parse(document.getElementById("front-config").textContent);
const chart = document.getElementById("front-chart"), byNumber = new Map(config.points.map(point => [point.number, point]));
const state = { chosen: null, other: null, map: null, loaded: false };
const chinese = document.documentElement.lang.startsWith("zh");
const percent = share => `${Math.round(share * 100)}${chinese ? "%" : "\u00a0%"}`;

// Five classes of the worst served area, evenly over what the plans reach.
const shares = config.points.map(point => point.fair).filter(fair => fair !== null);
const low = Math.min(...shares), high = Math.max(...shares);
const fairClass = fair => fair === null ? 3 : high === low ? 5 : Math.min(5, 1 + Math.floor((fair - low) / (high - low) * 5));
for (const key of document.querySelectorAll("[data-fair]")) {
  const k = Number(key.dataset.fair), step = (high - low) / 5;
  key.textContent = shares.length ? (high === low ? (k === 5 ? percent(high) : "") : `${percent(low + step * (k - 1))}${k === 5 ? "–" + percent(high) : ""}`) : "";
  if (!key.textContent) key.parentElement.hidden = true;
}
const sizes = config.points.map(point => point.size), least = Math.min(...sizes), most = Math.max(...sizes);
const radius = size => most === least ? 7 : 5 + 7 * Math.sqrt((size - least) / (most - least));

const ceiling = x => Math.min(...config.lines.map(([a, b]) => a + b * x));

function draw() {
  const xTop = niceTop(Math.max(...config.points.map(point => point.x), config.own?.x ?? 0, 1e-9)), yTop = niceTop(Math.max(...config.points.map(point => point.y), config.own?.y ?? 0, 1e-9) * 1.05);
  const { svg, width, height, y, left, right, bottom, top } = axes(chart, { label: config.chartLabel, yTitle: config.yTitle }, { yTop, bottom: 44 });
  svg.setAttribute("role", "group");
  const x = value => left + value / xTop * (width - left - right);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) svg.append(make("text", { x: x(xTop * share), y: height - bottom + 17, "text-anchor": share === 1 ? "end" : "middle" }, short(xTop * share)));
  svg.append(make("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, config.xTitle));
  // the ceiling bends where its lines cross; between the corners it is straight
  const corners = new Set([0, xTop]);
  for (const [a, b] of config.lines) for (const [c, d] of config.lines) { const at = (c - a) / (b - d); if (at > 0 && at < xTop) corners.add(at); }
  const within = [...corners].sort((p, q) => p - q);
  // cut at the top edge of the drawing
  const path = within.map(at => [at, ceiling(at)]);
  svg.append(make("path", { class: "bound", d: path.map(([at, value], k) => `${k ? "L" : "M"}${x(at).toFixed(1)} ${Math.max(y(value), top - 8).toFixed(1)}`).join("") }));
  if (config.own) {
    const own = make("rect", { class: "own", x: x(config.own.x) - 6, y: y(config.own.y) - 6, width: 12, height: 12, transform: `rotate(45 ${x(config.own.x)} ${y(config.own.y)})` });
    own.append(make("title", {}, config.said.own));
    svg.append(own);
  }
  const order = [...config.points].sort((a, b) => b.size - a.size);
  for (const point of order) {
    const dot = make("circle", { class: `dot fair-${fairClass(point.fair)}${point.number === state.other ? " other" : ""}`, cx: x(point.x), cy: y(point.y), r: radius(point.size), role: "button", tabindex: point.number === state.chosen ? 0 : -1, "aria-pressed": point.number === state.chosen, "aria-label": point.title, "data-dot": point.number });
    dot.append(make("title", {}, point.title));
    svg.append(dot);
  }
  const had = document.activeElement?.dataset?.dot;
  chart.replaceChildren(svg);
  if (had) chart.querySelector(`[data-dot="${had}"]`)?.focus();
}

function pins() {
  const mine = byNumber.get(state.chosen), other = byNumber.get(state.other);
  const theirs = new Set(other?.keys ?? []), own = new Set(mine?.keys ?? []);
  const listed = [...own].map(key => [key, other && theirs.has(key) ? "both" : "only_b"]).concat([...theirs].filter(key => !own.has(key)).map(key => [key, "only_a"]));
  return listed.filter(([key]) => config.places[key]).map(([key, side], k) => ({ ...config.places[key], key, state: side, order: 1000 + k }));
}

function show() {
  const mine = byNumber.get(state.chosen);
  if (!mine) return;
  const listed = pins();
  document.getElementById("front-title").textContent = mine.title;
  document.getElementById("front-count").textContent = config.said.places.replace("%s", listed.length);
  document.getElementById("key-only").textContent = state.other ? config.said.only : mine.head;
  document.getElementById("key-other").textContent = config.said.other.replace("%s", state.other ?? "");
  for (const part of document.querySelectorAll("[data-two]")) part.hidden = !state.other;
  const words = { only_b: config.said.only, only_a: config.said.other.replace("%s", state.other ?? ""), both: config.said.both };
  document.getElementById("front-places").replaceChildren(...listed.map(pin => Object.assign(document.createElement("li"), { textContent: `${pin.name} · ${pin.words} · ${pin.cost}${state.other ? ` · ${words[pin.state]}` : ""}` })));
  for (const row of document.querySelectorAll("#front-table tr[data-point]")) row.setAttribute("aria-selected", Number(row.dataset.point) === state.chosen);
  const point = document.getElementById("front-point"), open = document.getElementById("front-open"), form = document.getElementById("front-pick");
  if (point) point.value = mine.number;
  if (form) form.hidden = Boolean(mine.made);
  open.hidden = !mine.made;
  if (mine.made) open.href = config.versionHref + mine.made;
  if (state.loaded) state.map.getSource("pins").setData({ type: "FeatureCollection", features: listed.map(pin => ({ type: "Feature", geometry: { type: "Point", coordinates: [pin.lon, pin.lat] }, properties: { order: pin.order, state: pin.state, name: pin.name } })) });
  draw();
}

function choose(number, { keep = true } = {}) {
  if (!byNumber.has(number)) return;
  state.chosen = number;
  if (state.other === number) { state.other = null; document.getElementById("front-with").value = ""; }
  if (keep) {
    const address = new URL(location.href);
    address.searchParams.set("point", number);
    history.replaceState(null, "", address);
  }
  show();
}

chart.addEventListener("click", event => { const number = Number(event.target.closest("[data-dot]")?.dataset.dot); if (number) choose(number); });
chart.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  const at = config.points.findIndex(point => point.number === state.chosen);
  let next = null;
  if (step) next = config.points[Math.min(Math.max(at + step, 0), config.points.length - 1)];
  else if (event.key === "Home") next = config.points[0];
  else if (event.key === "End") next = config.points.at(-1);
  else return;
  event.preventDefault();
  choose(next.number);
  chart.querySelector(`[data-dot="${next.number}"]`)?.focus();
});
document.getElementById("front-table").addEventListener("click", event => { const number = Number(event.target.closest("[data-choose]")?.dataset.choose); if (number) choose(number); });
document.getElementById("front-with").addEventListener("change", event => { state.other = Number(event.target.value) || null; if (state.other === state.chosen) { state.other = null; event.target.value = ""; } show(); });
addEventListener("resize", draw);

try {
  const holder = document.getElementById("map");
  const map = new maplibregl.Map({ container: holder, style: baseStyle(config), attributionControl: false, dragRotate: false, pitchWithRotate: false, localIdeographFontFamily: token("han"), maxZoom: 17, preserveDrawingBuffer: true, bounds: config.bounds, fitBoundsOptions: { padding: 12 } });
  map.touchZoomRotate.disableRotation();
  map.getCanvas().setAttribute("aria-label", config.label);
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 90 }), "bottom-right");
  document.getElementById("zoom-in").addEventListener("click", () => map.zoomIn());
  document.getElementById("zoom-out").addEventListener("click", () => map.zoomOut());
  map.on("load", () => {
    addPins(map, []);
    map.setLayoutProperty("pin-numbers", "visibility", "none");
    state.map = map;
    state.loaded = true;
    show();
    map.once("idle", () => { document.body.dataset.ready = "1"; });
  });
} catch (error) {
  document.getElementById("map").replaceChildren(Object.assign(document.createElement("p"), { className: "no-map", textContent: config.words.noMap }));
  document.body.dataset.ready = "1";
  console.error(error);
}
if (config.points.length) {
  const asked = Number(new URL(location.href).searchParams.get("point"));
  // open on the plan nearest to this version, so that the reader starts from what is known
  const away = point => Math.hypot((point.x - config.own.x) / Math.max(config.own.x, 1e-9), (point.y - config.own.y) / Math.max(config.own.y, 1e-9));
  const near = config.own ? [...config.points].sort((a, b) => away(a) - away(b))[0] : config.points[0];
  choose(byNumber.has(asked) ? asked : near.number, { keep: false });
}
