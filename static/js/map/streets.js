// Streets that a scenario closes or slows, as lines; the list of rules tells why.
import { token } from "./colours.js";

const corners = geometry => geometry.type === "MultiLineString" ? geometry.coordinates.flat() : geometry.coordinates;

export async function addStreets(map, url, Bounds) {
  const answer = await fetch(url);
  if (!answer.ok) return;
  const data = await answer.json();
  map.addSource("streets", { type: "geojson", data });
  const width = ["interpolate", ["linear"], ["zoom"], 9, 1.2, 14, 4];
  const layer = (id, closed, colour) => map.addLayer({ id, type: "line", source: "streets", filter: ["==", ["get", "closed"], closed], layout: { "line-cap": "round" }, paint: { "line-color": token(colour), "line-width": width } }, "names");
  layer("streets-slower", false, "no-room");
  layer("streets-closed", true, "bad");
  const all = data.features.flatMap(feature => corners(feature.geometry));
  if (all.length) map.fitBounds(all.reduce((box, at) => box.extend(at), new Bounds()), { padding: 24, maxZoom: 15, animate: false });
}
