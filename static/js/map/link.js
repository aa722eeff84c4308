// Rows and places point at each other: hover lights, click picks. The table is the accessible twin of the map.
import { areaAt, hoverArea, pickArea } from "./card.js";
import { markPlace } from "./pins.js";
import { watchCard } from "./plancard.js";

export function linkAreas(map, state) {
  // The table is swapped as a whole when another run is shown, so its holder listens.
  const holder = document.querySelector("#main");
  const rowOf = (event, kind) => event.target.closest?.(`#twin tr[data-${kind}]`);
  let hovered = null;
  holder.addEventListener("mouseover", event => {
    const code = rowOf(event, "area")?.dataset.area ?? null, place = rowOf(event, "lon");
    if (code !== hovered) { hovered = code; hoverArea(map, code); }
    if (place) markPlace(map, { lon: Number(place.dataset.lon), lat: Number(place.dataset.lat) });
  });
  holder.addEventListener("click", event => {
    const row = rowOf(event, "area"), place = rowOf(event, "lon");
    if (event.target.closest("a")) return;
    if (row) pickArea(map, state.config, row.dataset.area);
    if (place) map.easeTo({ center: [Number(place.dataset.lon), Number(place.dataset.lat)], zoom: Math.max(map.getZoom(), 13) });
  });
  map.on("click", event => {
    if (state.placing) return;
    const shape = map.getLayer("facilities") && map.queryRenderedFeatures(event.point, { layers: ["facilities"] })[0];
    if (shape?.properties.ref) { location.href = `/facilities/${encodeURIComponent(shape.properties.ref)}/`; return; }
    const code = areaAt(map, event.point, state.config.deepest);
    // near by, where cells are drawn one by one, the card also speaks of the one under the pointer
    const cell = map.getLayer("cells") ? map.queryRenderedFeatures(event.point, { layers: ["cells"] })[0]?.properties.code : null;
    if (code) pickArea(map, state.config, code, { cell });
  });
  map.on("mousemove", "facilities", event => { map.getCanvas().style.cursor = "pointer"; map.getCanvas().title = event.features[0].properties.name || ""; });
  map.on("mouseleave", "facilities", () => { map.getCanvas().style.cursor = ""; map.getCanvas().title = ""; });
}

// The change-set of a plan: a row under the pointer or with the focus lights its pin, a pin its row; either opens the card.
export function linkPins(map, state) {
  const rows = [...document.querySelectorAll("[data-order]")];
  let kept = -1;
  const light = order => {
    map.setGlobalStateProperty?.("lit", order);
    for (const row of rows) { if (Number(row.dataset.order) === order) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current"); }
  };
  const keep = order => { kept = order; light(order); };
  const card = watchCard(map, state, keep);
  for (const row of rows) {
    const order = Number(row.dataset.order);
    row.addEventListener("mouseenter", () => light(order));
    row.addEventListener("mouseleave", () => light(kept));
    row.addEventListener("focusin", () => light(order));
    row.addEventListener("focusout", () => light(kept));
    row.addEventListener("click", event => {
      if (event.target.closest("button, form")) return;
      keep(order);
      map.easeTo({ center: [Number(row.dataset.lon), Number(row.dataset.lat)], zoom: Math.max(map.getZoom(), 12.5) });
      if (!event.target.closest("a")) row.querySelector("[data-card]")?.click();
    });
  }
  map.on("mousemove", "pins", event => { map.getCanvas().style.cursor = "pointer"; light(event.features[0].properties.order); });
  map.on("mouseleave", "pins", () => { map.getCanvas().style.cursor = ""; light(kept); });
  map.on("click", "pins", event => {
    const { order } = event.features[0].properties;
    document.querySelector(`[data-order="${order}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" });
    card.ofOrder?.(order);
  });
}
