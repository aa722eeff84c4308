// A plan's interventions as numbered pins, a ring of reach, and a single marked place.
import { token } from "./colours.js";

const point = (lon, lat, properties) => ({ type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties });

// In wide views only the first interventions carry their number; a plan may hold hundreds.
const FIRST = 24;
const radius = numbered => ["case", ["==", ["get", "order"], ["coalesce", ["global-state", "lit"], -1]], 12, numbered, 9, 3.5];

export function addPins(map, pins) {
  // Of one plan: added or changed. Of two plans side by side: whose pin it is.
  const colour = ["match", ["coalesce", ["get", "state"], ""], "only_a", token("removed"), "only_b", token("added"), "size", token("changed"), "closed", token("removed"), "both", token("ink-3"), ["case", ["boolean", ["get", "added"], false], token("added"), token("changed")]];
  map.addSource("pins", { type: "geojson", data: { type: "FeatureCollection", features: pins.map(pin => point(pin.lon, pin.lat, pin)) } });
  map.addLayer({ id: "pins", type: "circle", source: "pins", layout: { "circle-sort-key": ["-", 0, ["get", "order"]] }, paint: { "circle-radius": ["step", ["zoom"], radius(["<=", ["get", "order"], FIRST]), 12.5, radius(true)], "circle-color": token("paper"), "circle-stroke-width": 1.8, "circle-stroke-color": colour } });
  map.addLayer({ id: "pin-numbers", type: "symbol", source: "pins", filter: ["<=", ["get", "order"], ["step", ["zoom"], FIRST, 12.5, 100000]], layout: { "symbol-sort-key": ["get", "order"], "text-field": ["to-string", ["get", "order"]], "text-size": 11, "text-allow-overlap": true }, paint: { "text-color": colour } });
}

export function addRing(map, { lon, lat, metres }) {
  const kx = 111320 * Math.cos(lat * Math.PI / 180), ky = 110850;
  const ring = Array.from({ length: 73 }, (_, k) => [lon + metres * Math.cos(k * Math.PI / 36) / kx, lat + metres * Math.sin(k * Math.PI / 36) / ky]);
  map.addSource("ring", { type: "geojson", data: { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: ring } } });
  map.addLayer({ id: "ring", type: "line", source: "ring", paint: { "line-color": token("shelter"), "line-width": 2, "line-dasharray": [3, 2] } });
}

export function markPlace(map, place) {
  const features = place ? [point(place.lon, place.lat, {})] : [];
  const shown = map.getSource("place");
  if (shown) return shown.setData({ type: "FeatureCollection", features });
  map.addSource("place", { type: "geojson", data: { type: "FeatureCollection", features } });
  map.addLayer({ id: "place-halo", type: "circle", source: "place", paint: { "circle-radius": 13, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": token("halo"), "circle-stroke-width": 5 } });
  map.addLayer({ id: "place", type: "circle", source: "place", paint: { "circle-radius": 13, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": token("accent"), "circle-stroke-width": 2.5 } });
}
