// The ground a scenario strikes: chosen areas and drawings as shapes, zones of a hazard layer from their tiles.
import { ramp, token } from "./colours.js";
import { tileSource } from "./style.js";

const corners = geometry => geometry.coordinates.flat(geometry.type === "MultiPolygon" ? 2 : 1);

export function addGround(map, config, Bounds) {
  const empty = { type: "FeatureCollection", features: [] };
  const steps = ramp("gap");
  let zones = null;
  map.addSource("ground", { type: "geojson", data: empty });
  map.addLayer({ id: "ground-fill", type: "fill", source: "ground", paint: { "fill-color": token("accent"), "fill-opacity": 0.14 } }, "roads");
  map.addLayer({ id: "ground-line", type: "line", source: "ground", paint: { "line-color": token("accent"), "line-width": 2 } }, "names");

  const showZones = url => {
    if (url === zones) return;
    if (zones) { map.removeLayer("zones"); map.removeSource("zones"); }
    zones = url;
    if (!url) return;
    map.addSource("zones", tileSource(url));
    map.addLayer({ id: "zones", type: "fill", source: "zones", "source-layer": "zones", paint: { "fill-color": ["step", ["get", "severity"], steps[1], 2, steps[2], 3, steps[3], 4, steps[4]], "fill-opacity": 0.55 } }, "roads");
  };
  const show = (ground, fit) => {
    if (!ground) return;
    showZones(ground.zones);
    // Where one draws, the drawing itself is shown.
    const features = config.draw ? ground.features.features.filter(one => one.properties.area) : ground.features.features;
    map.getSource("ground").setData({ ...empty, features });
    const all = features.flatMap(one => corners(one.geometry));
    if (fit && all.length) map.fitBounds(all.reduce((box, at) => box.extend(at), new Bounds()), { padding: 24, maxZoom: 15, animate: false });
  };
  show(config.ground, true);
  const now = () => {
    const told = document.querySelector("#ground-now");
    if (told) show(JSON.parse(told.textContent), false);
  };
  document.addEventListener("htmx:afterSettle", now);
  now();
}
