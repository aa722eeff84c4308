// Facilities as role shapes drawn on a canvas; hollow with a stroke through them when they supply nothing.
import { token } from "./colours.js";
import { tileSource } from "./style.js";

const polygon = points => pen => { pen.beginPath(); for (const [x, y] of points) pen.lineTo(x, y); pen.closePath(); };
const SHAPES = {
  circle: { colour: "shelter", path: pen => { pen.beginPath(); pen.arc(0, 0, 15, 0, 7); } },
  diamond: { colour: "open", path: polygon([[0, -18], [18, 0], [0, 18], [-18, 0]]) },
  square: { colour: "lodging", path: polygon([[-14, -14], [14, -14], [14, 14], [-14, 14]]) },
  cross: { colour: "medical", path: polygon([[-5, -16], [5, -16], [5, -5], [16, -5], [16, 5], [5, 5], [5, 16], [-5, 16], [-5, 5], [-16, 5], [-16, -5], [-5, -5]]) },
  triangle: { colour: "supply", path: polygon([[0, -17], [17, 14], [-17, 14]]) },
};

function picture(draw) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 48, height: 48 }), pen = canvas.getContext("2d");
  pen.lineJoin = "round"; pen.translate(24, 24); draw(pen);
  return pen.getImageData(0, 0, 48, 48);
}

// Service types name their shape by the role it stands for; the drawn form is the same.
const NAMES = { shelter: "circle", open: "diamond", lodging: "square", medical: "cross", supply: "triangle" };

export function addShapes(map) {
  const all = [...Object.entries(SHAPES), ...Object.entries(NAMES).map(([name, form]) => [name, SHAPES[form]])];
  for (const [name, { colour, path }] of all) {
    if (map.hasImage(name)) continue;
    map.addImage(name, picture(pen => { path(pen); pen.lineWidth = 7; pen.strokeStyle = token("halo"); pen.stroke(); pen.fillStyle = token(colour); pen.fill(); }), { pixelRatio: 2 });
    map.addImage(`${name}-off`, picture(pen => { path(pen); pen.fillStyle = token("paper"); pen.fill(); pen.lineWidth = 5; pen.strokeStyle = token(colour); pen.stroke(); pen.beginPath(); pen.moveTo(-9, 9); pen.lineTo(9, -9); pen.stroke(); }), { pixelRatio: 2 });
  }
}

// Far out only the big ones: the cells are the message there. `config.big` is the capacity that counts as big.
export function addFacilities(map, config) {
  if (!config.tiles.facilities) return;
  addShapes(map);
  const capacity = ["coalesce", ["to-number", ["get", "capacity"]], 0], big = Math.max(config.big || 1, 1);
  map.addSource("facilities", tileSource(config.tiles.facilities));
  map.addLayer({
    id: "facilities", type: "symbol", source: "facilities", "source-layer": "facilities",
    filter: [">=", capacity, ["step", ["zoom"], big, 11, big / 4, 12, big / 20, 13, 0]],
    layout: {
      "icon-image": ["case", ["==", ["coalesce", ["get", "usable"], true], false], ["concat", ["coalesce", ["get", "shape"], "circle"], "-off"], ["coalesce", ["get", "shape"], "circle"]],
      "icon-allow-overlap": true, "symbol-sort-key": ["-", 0, capacity],
      "icon-size": ["interpolate", ["linear"], ["zoom"], 9, ["interpolate", ["linear"], capacity, 0, 0.34, big * 8, 0.8], 14, ["interpolate", ["linear"], capacity, 0, 0.55, big * 8, 1.2]],
    },
  }, "names");
}

export function repointFacilities(map, config) {
  if (!map.getSource("facilities")) return addFacilities(map, config);
  const url = tileSource(config.tiles.facilities).tiles;
  if (map.getSource("facilities").tiles[0] !== url[0]) { map.removeLayer("facilities"); map.removeSource("facilities"); addFacilities(map, config); }
}
