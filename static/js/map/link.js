// Rows and places point at each other: hover lights, click picks. The table is the accessible twin of the map.
import { areaAt, hoverArea, pickArea } from "./card.js";
import { markPlace } from "./pins.js";

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

// The change-set of a plan: the row lights its pin, the pin scrolls to its row.
export function linkPins(map) {
  const rows = [...document.querySelectorAll("[data-order]")];
  const light = order => {
    map.setGlobalStateProperty?.("lit", order);
    for (const row of rows) { if (Number(row.dataset.order) === order) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current"); }
  };
  for (const row of rows) {
    row.addEventListener("mouseenter", () => light(Number(row.dataset.order)));
    row.addEventListener("click", event => {
      if (event.target.closest("a, button")) return;
      light(Number(row.dataset.order));
      map.easeTo({ center: [Number(row.dataset.lon), Number(row.dataset.lat)], zoom: Math.max(map.getZoom(), 12.5) });
    });
  }
  map.on("mousemove", "pins", event => { map.getCanvas().style.cursor = "pointer"; light(event.features[0].properties.order); });
  map.on("mouseleave", "pins", () => { map.getCanvas().style.cursor = ""; });
  map.on("click", "pins", event => document.querySelector(`[data-order="${event.features[0].properties.order}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" }));
}
