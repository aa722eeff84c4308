// Zones of a hazard layer: a colour and a hatching for each class, the hardest darkest and closest. The legend beside the
// map has the same swatches with the names of the classes. Over the colours of a run only hatching and edges are drawn.
import { setAddress } from "./address.js";
import { token } from "./colours.js";
import { tileSource } from "./style.js";

const SIZE = 16;
const LAYERS = ["hazard-fill", "hazard-hatching", "hazard-edge"];
// Lines of the hatching by step: 1 none, 2 one slant, 3 the same twice as close, 4 both slants, 5 both, twice as close.
const LINES = { 2: [[16, 1]], 3: [[8, 1]], 4: [[16, 1], [16, -1]], 5: [[8, 1], [8, -1]] };

function hatching(step) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIZE * 2, height: SIZE * 2 });
  const pen = canvas.getContext("2d");
  pen.scale(2, 2);
  pen.strokeStyle = token("haz-line");
  pen.lineWidth = 1;
  for (const [gap, way] of LINES[step] ?? []) {
    for (let start = -SIZE; start <= SIZE * 2; start += gap) {
      pen.beginPath();
      pen.moveTo(start, way > 0 ? SIZE : 0);
      pen.lineTo(start + SIZE, way > 0 ? 0 : SIZE);
      pen.stroke();
    }
  }
  return pen.getImageData(0, 0, SIZE * 2, SIZE * 2);
}

export function addZones(map, { tiles, classes, over }) {
  const byClass = value => ["match", ["get", "class"], ...classes.flatMap(one => [one.name, value(one.step)]), value(1)];
  for (const step of [1, 2, 3, 4, 5]) if (!map.hasImage(`hatching-${step}`)) map.addImage(`hatching-${step}`, hatching(step), { pixelRatio: 2 });
  map.addSource("hazard", tileSource(tiles));
  const common = { source: "hazard", "source-layer": "zones" };
  if (!over) map.addLayer({ id: "hazard-fill", type: "fill", ...common, paint: { "fill-color": byClass(step => token(`haz-${step}`)), "fill-opacity": 0.72, "fill-antialias": false } }, "roads");
  map.addLayer({ id: "hazard-hatching", type: "fill", ...common, paint: { "fill-pattern": byClass(step => `hatching-${step}`), "fill-opacity": over ? 0.8 : 0.55 } }, "roads");
  map.addLayer({ id: "hazard-edge", type: "line", ...common, minzoom: over ? 0 : 11, paint: { "line-color": token("haz-line"), "line-opacity": over ? 0.8 : 0.5, "line-width": over ? 1 : 0.6 } }, "roads");
}

function removeZones(map) {
  for (const id of LAYERS) if (map.getLayer(id)) map.removeLayer(id);
  if (map.getSource("hazard")) map.removeSource("hazard");
}

// The zones of the scenario over the colours of its run, as far as the box in the dock is ticked.
export function watchZones(state) {
  const show = () => {
    removeZones(state.map);
    if (state.config.hazard && document.querySelector("#show-zones")?.checked) addZones(state.map, state.config.hazard);
  };
  document.addEventListener("change", event => {
    if (event.target.id !== "show-zones") return;
    setAddress({ zones: event.target.checked ? "1" : null });
    show();
  });
  show();
  return { show };
}
