// Zones of a hazard layer: a colour and a hatching for each class, the hardest darkest and closest. The legend beside the
// map has the same swatches with the names of the classes.
import { token } from "./colours.js";
import { tileSource } from "./style.js";

const SIZE = 16;
// Lines of the hatching by step: 1 none, 2 one slant, 3 two slants, 4 both slants, 5 both, twice as close.
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

export function addZones(map, { tiles, classes }) {
  const byClass = value => ["match", ["get", "class"], ...classes.flatMap(one => [one.name, value(one.step)]), value(1)];
  for (const step of [1, 2, 3, 4, 5]) map.addImage(`hatching-${step}`, hatching(step), { pixelRatio: 2 });
  map.addSource("hazard", tileSource(tiles));
  const common = { source: "hazard", "source-layer": "zones" };
  map.addLayer({ id: "hazard-fill", type: "fill", ...common, paint: { "fill-color": byClass(step => token(`haz-${step}`)), "fill-opacity": 0.72, "fill-antialias": false } }, "roads");
  map.addLayer({ id: "hazard-hatching", type: "fill", ...common, paint: { "fill-pattern": byClass(step => `hatching-${step}`), "fill-opacity": 0.55 } }, "roads");
  map.addLayer({ id: "hazard-edge", type: "line", ...common, minzoom: 11, paint: { "line-color": token("haz-line"), "line-opacity": 0.5, "line-width": 0.6 } }, "roads");
}
