// How demand cells are painted: gap, one of its states, coverage, or the change between two runs.
import { ramp, token } from "./colours.js";
import { tileSource } from "./style.js";

const number = name => ["coalesce", ["to-number", ["get", name]], 0];
const LATE = number("late"), NO_ROOM = number("no_room"), OUT = number("out_of_reach"), SERVED = number("served"), NEED = number("need"), PEOPLE = number("people");
const VALUE = { gap: ["+", LATE, NO_ROOM, OUT], late: LATE, no_room: NO_ROOM, out_of_reach: OUT };

// One painting for each zoom whose hexagons have edges of their own, the last for the cells themselves.
function byZoom(levels, ofLevel, ofCells) {
  const zooms = Object.keys(levels ?? {}).map(Number).sort((a, b) => a - b);
  if (!zooms.length) return ofCells;
  const step = ["step", ["zoom"], ofLevel(levels[zooms[0]])];
  for (const zoom of zooms.slice(1)) step.push(zoom, ofLevel(levels[zoom]));
  step.push(zooms.at(-1) + 1, ofCells);
  return step;
}

// breaks: four rising numbers, the lower edges of classes 2 to 5. They belong to the run and the tile's level.
function classes(value, colours, breaks) {
  const step = ["step", value, colours[0]];
  let last = -Infinity;
  breaks.forEach((edge, k) => { if (edge > last) { step.push(edge, colours[k + 1]); last = edge; } });
  return step.length > 3 ? step : colours[0];
}

const peopled = inner => ["case", ["all", ["<=", PEOPLE, 0], ["<=", NEED, 0]], token("nobody"), ["==", ["get", "no_data"], true], "rgba(0,0,0,0)", inner];

export function cellPaint(show, breaks, hours) {
  if (show === "hour") return peopled(["case", ["<=", NEED, 0], token("zero"), classes(["*", 100, ["/", number(`served_${hours.at}`), ["max", NEED, 1]]], ramp("cov"), breaks.coverage)]);
  if (show === "backup") return peopled(["case", ["<=", NEED, 0], token("zero"), classes(["/", number("backup"), ["max", NEED, 1]], ramp("cov"), breaks.backup)]);
  if (show === "access") return peopled(["case", ["<=", NEED, 0], token("zero"), classes(["/", number("access"), ["*", 100, ["max", NEED, 1]]], [1, 2, 4, 5].map(step => token(`bal-${step}`)), breaks.access)]);
  if (show === "coverage") return peopled(["case", ["<=", NEED, 0], token("zero"), classes(["*", 100, ["/", SERVED, ["max", NEED, 1]]], ramp("cov"), breaks.coverage)]);
  if (show === "difference" || show === "difference_need") {
    const what = show === "difference" ? "gap" : "need", change = ["-", number(`${what}_after`), number(`${what}_before`)], colours = ramp("chg");
    const steps = edge => ["step", change, colours[4], -edge, colours[3], -edge / 10, colours[2], edge / 10, colours[1], edge, colours[0]];
    const paint = edge => peopled(breaks.noNeed ? ["case", ["<=", NEED, 0], token("zero"), steps(edge)] : steps(edge));
    return byZoom(breaks[`${show}Levels`], paint, paint(breaks[show]));
  }
  const value = show === "before" ? number("gap_before") : show === "after" ? number("gap_after") : VALUE[show] ?? VALUE.gap;
  const paint = edges => peopled(["case", ["<=", value, 0], token("zero"), classes(value, ramp("gap"), edges)]);
  return byZoom(breaks.levels, paint, paint(breaks.gap));
}

function hatch() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 16 }), pen = canvas.getContext("2d");
  pen.strokeStyle = token("stale"); pen.lineWidth = 1.5;
  pen.beginPath(); pen.moveTo(0, 16); pen.lineTo(16, 0); pen.moveTo(-4, 4); pen.lineTo(4, -4); pen.moveTo(12, 20); pen.lineTo(20, 12); pen.stroke();
  return pen.getImageData(0, 0, 16, 16);
}

export function addCells(map, config) {
  if (!config.tiles.cells) return;
  if (!map.hasImage("hatch")) map.addImage("hatch", hatch(), { pixelRatio: 2 });
  map.addSource("cells", tileSource(config.tiles.cells));
  map.addLayer({ id: "cells", type: "fill", source: "cells", "source-layer": "cells", paint: { "fill-color": cellPaint(config.show, config.breaks, config.hours), "fill-opacity": 0.92, "fill-antialias": false } }, "roads");
  map.addLayer({ id: "cells-unknown", type: "fill", source: "cells", "source-layer": "cells", filter: ["==", ["get", "no_data"], true], paint: { "fill-pattern": "hatch" } }, "roads");
  map.addLayer({ id: "cell-lines", type: "line", source: "cells", "source-layer": "cells", minzoom: 12, paint: { "line-color": token("halo"), "line-opacity": 0.5, "line-width": 0.6 } }, "roads");
}

export function repaintCells(map, config) {
  if (!map.getLayer("cells")) return addCells(map, config);
  const url = tileSource(config.tiles.cells).tiles;
  const source = map.getSource("cells");
  if (source.tiles[0] !== url[0]) source.setTiles(url);
  map.setPaintProperty("cells", "fill-color", cellPaint(config.show, config.breaks, config.hours));
}
