// The picked area: its outline on the map and its card, which the server renders (and so checks who may see it).
import { token } from "./colours.js";
import { setAddress } from "./address.js";

export function addPicked(map) {
  const none = ["==", ["get", "code"], ""];
  map.addLayer({ id: "areas-hit", type: "fill", source: "areas", "source-layer": "areas", paint: { "fill-opacity": 0 } });
  map.addLayer({ id: "hover", type: "line", source: "areas", "source-layer": "areas", filter: none, paint: { "line-color": token("accent"), "line-width": 1.5, "line-dasharray": [2, 1.5] } });
  map.addLayer({ id: "picked-halo", type: "line", source: "areas", "source-layer": "areas", filter: none, layout: { "line-join": "round" }, paint: { "line-color": token("halo"), "line-width": 5 } });
  map.addLayer({ id: "picked", type: "line", source: "areas", "source-layer": "areas", filter: none, layout: { "line-join": "round" }, paint: { "line-color": token("accent"), "line-width": 2.4 } });
}

const outline = (map, layers, code) => { for (const layer of layers) if (map.getLayer(layer)) map.setFilter(layer, ["==", ["to-string", ["get", "code"]], code || ""]); };

export const hoverArea = (map, code) => outline(map, ["hover"], code);

export async function pickArea(map, config, code, { keep = true, cell = null } = {}) {
  outline(map, ["picked", "picked-halo"], code);
  for (const row of document.querySelectorAll("tr[data-area]")) row.setAttribute("aria-selected", String(row.dataset.area === code));
  if (keep) setAddress({ area: code });
  const card = document.querySelector("#card");
  if (!card || !config.card) return;
  if (!code) { card.hidden = true; return; }
  const url = new URL(config.card, location.href);
  url.searchParams.set("area", code);
  if (cell) url.searchParams.set("cell", cell);
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  card.hidden = !answer.ok;
  if (answer.ok) card.innerHTML = await answer.text();
}

// The smallest area under the pointer that the table can show.
export function areaAt(map, at, deepest) {
  const found = map.queryRenderedFeatures(at, { layers: ["areas-hit"] }).filter(feature => feature.properties.level <= deepest);
  found.sort((a, b) => b.properties.level - a.properties.level);
  return found.length ? String(found[0].properties.code) : null;
}
