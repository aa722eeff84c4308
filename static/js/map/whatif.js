// What if there were a facility here: a pin, a small form, who would be newly served. The server counts; nothing is kept.
import { fromAddress, setAddress } from "./address.js";
import { token } from "./colours.js";

const nothing = { type: "FeatureCollection", features: [] };
const STEP_M = 50;
const fixed = at => `${at.lng.toFixed(5)},${at.lat.toFixed(5)}`;

export function drawWhatIf(map, drawing) {
  const shape = drawing ? { type: "Feature", properties: {}, geometry: drawing.shape } : nothing, cells = drawing?.cells ?? nothing;
  if (map.getSource("what-if-shape")) { map.getSource("what-if-shape").setData(shape); map.getSource("what-if-cells").setData(cells); return; }
  map.addSource("what-if-shape", { type: "geojson", data: shape });
  map.addSource("what-if-cells", { type: "geojson", data: cells });
  map.addLayer({ id: "what-if-ground", type: "fill", source: "what-if-shape", paint: { "fill-color": token("accent"), "fill-opacity": 0.1 } });
  map.addLayer({ id: "what-if-halo", type: "line", source: "what-if-shape", layout: { "line-join": "round" }, paint: { "line-color": token("halo"), "line-width": 4 } });
  map.addLayer({ id: "what-if-line", type: "line", source: "what-if-shape", layout: { "line-join": "round" }, paint: { "line-color": token("accent"), "line-width": 2, "line-dasharray": [3, 2] } });
  const gain = ["max", ["get", "newly_served"], 0];
  map.addLayer({ id: "what-if-cells", type: "circle", source: "what-if-cells", filter: [">", ["get", "newly_served"], 0], paint: { "circle-color": token("served"), "circle-stroke-color": token("halo"), "circle-stroke-width": 1, "circle-opacity": 0.9, "circle-radius": ["interpolate", ["linear"], ["zoom"], 9, ["min", 4, ["+", 1, ["/", ["sqrt", gain], 12]]], 14, ["min", 16, ["+", 3, ["/", ["sqrt", gain], 2.5]]]] } });
}

export function fitDrawing(map, drawing, Bounds) {
  const corners = drawing.shape.coordinates.flat(drawing.shape.type === "MultiPolygon" ? 2 : 1);
  if (corners.length) map.fitBounds(corners.reduce((box, at) => box.extend(at), new Bounds()), { padding: 32, maxZoom: 15, animate: false });
}

function pinElement(words) {
  const pin = document.createElement("div");
  pin.className = "pin-mark"; pin.tabIndex = 0; pin.setAttribute("role", "button"); pin.setAttribute("aria-label", words);
  pin.innerHTML = '<svg viewBox="0 0 28 36" aria-hidden="true"><path class="drop" d="M14 34C7 25 3 19.500 3 13.500a11 11 0 0 1 22 0C25 19.500 21 25 14 34z"/><circle class="dot" cx="14" cy="13.500" r="4"/></svg>';
  return pin;
}

export function watchWhatIf(state, Marker) {
  const opener = document.querySelector("#what-if-open"), card = document.querySelector("#what-if");
  if (!opener || !card) return null;
  const { map } = state;
  let pin = null, turn = 0;
  const kept = { cap: fromAddress("cap"), opens: fromAddress("opens"), free: fromAddress("free") };
  const config = () => state.config.whatIf;

  async function ask() {
    const mine = ++turn, url = new URL(config().url, location.href);
    url.searchParams.set("part", "card");
    if (pin) url.searchParams.set("pin", fixed(pin.getLngLat()));
    for (const [name, value] of Object.entries(kept)) if (value) url.searchParams.set(name, value);
    card.hidden = false;
    card.setAttribute("aria-busy", "true");
    let words = null;
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      if (answer.ok) words = await answer.text();
    } catch { /* said below */ }
    if (mine !== turn) return;
    card.removeAttribute("aria-busy");
    if (words === null) { card.querySelector("[role=status]")?.replaceChildren(config().words.failed); return; }
    const focused = document.activeElement?.closest?.("#what-if") ? document.activeElement.name : "";
    card.innerHTML = words;
    if (focused) card.querySelector(`[name="${focused}"]`)?.focus();
    const drawing = card.querySelector("#what-if-drawing");
    drawWhatIf(map, drawing ? JSON.parse(drawing.textContent) : null);
    uncover();
  }

  // A pin under the card is moved out of it: beside the card where there is room, above it on a narrow screen.
  function uncover() {
    const at = pin?.getElement().getBoundingClientRect(), box = card.getBoundingClientRect();
    if (!at || at.right < box.left || at.left > box.right || at.bottom < box.top || at.top > box.bottom) return;
    const beside = box.width < map.getContainer().clientWidth * 0.6;
    map.panBy(beside ? [at.right - box.left + 48, 0] : [0, at.bottom - box.top + 32]);
  }

  function place(at) {
    if (!pin) {
      const element = pinElement(config().words.pin);
      pin = new Marker({ element, draggable: true, anchor: "bottom" }).setLngLat(at).addTo(map);
      pin.on("dragend", () => place(pin.getLngLat()));
      element.addEventListener("click", event => event.stopPropagation());
      element.addEventListener("keydown", event => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
        if (!way) return;
        event.preventDefault(); event.stopPropagation();
        const { lng, lat } = pin.getLngLat(), metres = STEP_M * (event.shiftKey ? 10 : 1);
        pin.setLngLat([lng + way[0] * metres / (111320 * Math.cos(lat * Math.PI / 180)), lat + way[1] * metres / 110850]);
        clearTimeout(element.waiting);
        element.waiting = setTimeout(() => place(pin.getLngLat()), 400);
      });
    }
    pin.setLngLat(at);
    setAddress({ pin: fixed(pin.getLngLat()), ...kept });
    ask();
  }

  function open() {
    state.placing = true;
    opener.setAttribute("aria-pressed", "true");
    map.getContainer().classList.add("is-placing");
    ask();
  }

  function close() {
    turn += 1;
    state.placing = false;
    opener.setAttribute("aria-pressed", "false");
    map.getContainer().classList.remove("is-placing");
    card.hidden = true;
    pin?.remove(); pin = null;
    drawWhatIf(map, null);
    setAddress({ pin: null, cap: null, opens: null, free: null });
  }

  opener.addEventListener("click", () => state.placing ? close() : open());
  map.on("click", event => { if (state.placing) place(event.lngLat); });
  card.addEventListener("click", event => { if (event.target.closest("[data-close-what-if]")) { close(); opener.focus(); } });
  card.addEventListener("submit", event => {
    event.preventDefault();
    for (const name of Object.keys(kept)) if (event.target.elements[name]) kept[name] = event.target.elements[name].value.trim();
    if (pin) place(pin.getLngLat()); else ask();
  });
  const start = (fromAddress("pin") || "").split(",").map(Number);
  if (start.length === 2 && start.every(Number.isFinite)) {
    open(); place({ lng: start[0], lat: start[1] });
    if (!fromAddress("at")) map.jumpTo({ center: start, zoom: Math.max(map.getZoom(), 12) });
  }
  // Another run or service is shown: the same pin is asked of it.
  return { renew: () => { if (opener.isConnected && state.placing) ask(); opener.hidden = !config(); } };
}
