// Draw a line or an area by clicking corners. The text field holds the same as GeoJSON and can be typed in instead.
import { token } from "./colours.js";

const round = ({ lng, lat }) => [Number(lng.toFixed(6)), Number(lat.toFixed(6))];
const same = (a, b) => a[0] === b[0] && a[1] === b[1];

function toGeometry(kind, at) {
  if (kind === "Polygon" && at.length > 2) return { type: "Polygon", coordinates: [[...at, at[0]]] };
  return at.length > 1 ? { type: "LineString", coordinates: at } : null;
}

// What stands in the field as a list of corners; null when it is something that clicks cannot go on with.
function fromText(text) {
  try {
    const read = JSON.parse(text), geometry = read.geometry ?? read;
    if (geometry.type === "LineString") return { kind: "LineString", at: geometry.coordinates, geometry };
    if (geometry.type === "Polygon" && geometry.coordinates.length === 1) {
      const ring = geometry.coordinates[0];
      return { kind: "Polygon", at: same(ring[0], ring.at(-1)) ? ring.slice(0, -1) : ring, geometry };
    }
    return { kind: null, at: [], geometry };
  } catch {
    return null;
  }
}

export function addDrawing(map, { geometry: selector }) {
  const field = document.querySelector(selector);
  const buttons = [...document.querySelectorAll("[data-draw]")];
  let kind = null, at = [];
  const empty = { type: "FeatureCollection", features: [] };
  map.addSource("drawing", { type: "geojson", data: empty });
  map.addLayer({ id: "drawing-fill", type: "fill", source: "drawing", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": token("accent"), "fill-opacity": 0.15 } });
  map.addLayer({ id: "drawing", type: "line", source: "drawing", paint: { "line-color": token("accent"), "line-width": 2.5 } });
  map.addLayer({ id: "drawing-corners", type: "circle", source: "drawing", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 4, "circle-color": token("paper"), "circle-stroke-color": token("accent"), "circle-stroke-width": 2 } });

  const feature = geometry => ({ type: "Feature", properties: {}, geometry });
  const show = geometry => map.getSource("drawing").setData({
    type: "FeatureCollection",
    features: [...(geometry ? [feature(geometry)] : []), ...at.map(one => feature({ type: "Point", coordinates: one }))],
  });
  const press = name => {
    for (const button of buttons) if (["LineString", "Polygon"].includes(button.dataset.draw)) button.setAttribute("aria-pressed", String(button.dataset.draw === name));
    map.getCanvas().style.cursor = name ? "crosshair" : "";
  };
  const write = () => {
    const geometry = toGeometry(kind, at);
    field.value = geometry ? JSON.stringify(geometry) : "";
    show(geometry);
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const read = () => {
    const found = fromText(field.value);
    if (!found) return;
    ({ kind, at } = { kind: found.kind ?? kind, at: found.at });
    show(found.geometry);
  };

  for (const button of buttons) button.addEventListener("click", () => {
    const what = button.dataset.draw;
    if (what === "undo") { at = at.slice(0, -1); write(); }
    else if (what === "clear") { at = []; write(); }
    else { kind = what; press(what); if (at.length) write(); }
  });
  map.on("click", event => {
    if (!kind) return;
    at = [...at, round(event.lngLat)];
    write();
  });
  field.addEventListener("input", read);
  if (field.value) read();
}
