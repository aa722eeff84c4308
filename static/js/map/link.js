// Rows and places point at each other: hover lights, click picks. The table is the accessible twin of the map.
import { areaAt, hoverArea, pickArea } from "./card.js";
import { markPlace } from "./pins.js";

export function linkAreas(map, state) {
  const table = document.querySelector("#twin");
  const rowOf = event => event.target.closest?.("tr[data-area]");
  table?.addEventListener("mouseover", event => hoverArea(map, rowOf(event)?.dataset.area));
  table?.addEventListener("mouseleave", () => hoverArea(map, null));
  table?.addEventListener("click", event => {
    const row = rowOf(event);
    if (row && !event.target.closest("a")) pickArea(map, state.config, row.dataset.area);
    const place = event.target.closest("tr[data-lon]");
    if (place) markPlace(map, { lon: Number(place.dataset.lon), lat: Number(place.dataset.lat) });
  });
  table?.addEventListener("mouseover", event => {
    const place = event.target.closest?.("tr[data-lon]");
    if (place) markPlace(map, { lon: Number(place.dataset.lon), lat: Number(place.dataset.lat) });
  });
  map.on("click", event => {
    const shape = map.getLayer("facilities") && map.queryRenderedFeatures(event.point, { layers: ["facilities"] })[0];
    if (shape?.properties.ref) { location.href = `/facilities/${encodeURIComponent(shape.properties.ref)}/`; return; }
    const code = areaAt(map, event.point, state.config.deepest);
    if (code) pickArea(map, state.config, code);
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
