// The base map: areas, roads and water from our own tiles, names from the page. No outside address, no glyph server.
import { token } from "./colours.js";

const vector = (url, maxzoom = 14) => ({ type: "vector", tiles: [new URL(url, location.href).href.replaceAll("%7B", "{").replaceAll("%7D", "}")], minzoom: 0, maxzoom });

export const tileSource = vector;

export function baseStyle(config) {
  const point = label => ({ type: "Feature", geometry: { type: "Point", coordinates: [label.lon, label.lat] }, properties: label });
  const sources = { names: { type: "geojson", data: { type: "FeatureCollection", features: config.labels.map(point) } } };
  for (const layer of ["areas", "roads", "water", "green"]) {
    if (config.tiles[layer]) sources[layer] = vector(config.tiles[layer], layer === "areas" ? 12 : 14);
  }
  const road = token("road");
  const districts = ["<=", ["coalesce", ["get", "level"], 9], config.levels.district];
  return {
    version: 8, sources,
    layers: [
      { id: "ground", type: "background", paint: { "background-color": token("land") } },
      { id: "land", type: "fill", source: "areas", "source-layer": "areas", filter: districts, paint: { "fill-color": token("land-here") } },
      { id: "green", type: "fill", source: "green", "source-layer": "green", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": token("green"), "fill-opacity": 0.7 } },
      { id: "water", type: "fill", source: "water", "source-layer": "water", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": token("water") } },
      { id: "streams", type: "line", source: "water", "source-layer": "water", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": token("water"), "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.6, 14, 3] } },
      // data layers are inserted here, before "roads"
      { id: "roads", type: "line", source: "roads", "source-layer": "roads", layout: { "line-cap": "round" }, paint: { "line-color": road, "line-opacity": ["interpolate", ["linear"], ["zoom"], 8, 0.12, 14, 0.2], "line-width": ["interpolate", ["linear"], ["zoom"], 8, ["match", ["get", "rank"], [1, 2], 0.8, 0.3], 14, ["match", ["get", "rank"], [1, 2], 2.6, 3, 1.6, 1]] } },
      { id: "lower-border", type: "line", source: "areas", "source-layer": "areas", minzoom: 10.5, filter: ["!", districts], paint: { "line-color": road, "line-opacity": 0.16, "line-width": 0.6 } },
      { id: "border-halo", type: "line", source: "areas", "source-layer": "areas", filter: districts, paint: { "line-color": token("halo"), "line-opacity": 0.8, "line-width": 3 } },
      { id: "border", type: "line", source: "areas", "source-layer": "areas", filter: districts, paint: { "line-color": road, "line-opacity": 0.7, "line-width": 1.1 } },
      { id: "names", type: "symbol", source: "names", layout: { "text-field": ["get", "name"], "text-size": ["case", ["<=", ["get", "level"], config.levels.district], 14, 12], "text-letter-spacing": config.chinese ? 0 : 0.03, "text-max-width": 8, "symbol-sort-key": ["get", "level"] }, filter: ["<=", ["get", "level"], ["step", ["zoom"], config.levels.district, 11.5, 9]], paint: { "text-color": token("ink"), "text-halo-color": token("halo"), "text-halo-width": 1.8 } },
    ].filter(layer => !layer.source || sources[layer.source]),
  };
}
