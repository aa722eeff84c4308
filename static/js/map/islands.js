// Road islands as lines from the API, in the colour of what is out of reach; the table holds every one.
import { token } from "./colours.js";

const corners = geometry => geometry.type === "MultiLineString" ? geometry.coordinates.flat() : geometry.coordinates;

export async function addIslands(map, url, Bounds) {
  const answer = await fetch(url);
  if (!answer.ok) return;
  const data = await answer.json();
  map.addSource("islands", { type: "geojson", data });
  map.addLayer({ id: "islands-halo", type: "line", source: "islands", layout: { "line-cap": "round" }, paint: { "line-color": token("halo"), "line-width": 7 } }, "names");
  map.addLayer({ id: "islands", type: "line", source: "islands", layout: { "line-cap": "round" }, paint: { "line-color": token("out"), "line-width": 3.5 } }, "names");
  const first = data.features.slice(0, 20).flatMap(feature => corners(feature.geometry));
  if (first.length) map.fitBounds(first.reduce((box, at) => box.extend(at), new Bounds()), { padding: 28, maxZoom: 14, animate: false });
}
