// Critical places on a map: the larger the circle, the more units are lost without the place. The table beside it holds every value.
import * as maplibregl from "../vendor/maplibre-gl/maplibre-gl.mjs";
import { token } from "./map/colours.js";
import { baseStyle } from "./map/style.js";

const config = JSON.parse(document.getElementById("map-config").textContent);
const holder = document.getElementById("map");
let side = "planned", lit = 0;

const features = () => ({ type: "FeatureCollection", features: config.places.map(place => ({ type: "Feature", geometry: { type: "Point", coordinates: [place.lon, place.lat] }, properties: { number: place.number, lost: place[side], lit: place.number === lit } })) });

function light(map, number) {
  lit = number;
  for (const row of document.querySelectorAll("#loss-table tr[data-place]")) row.setAttribute("aria-selected", Number(row.dataset.place) === number);
  map.getSource("places")?.setData(features());
}

try {
  const map = new maplibregl.Map({ container: holder, style: baseStyle(config), attributionControl: false, dragRotate: false, pitchWithRotate: false, localIdeographFontFamily: token("han"), maxZoom: 17, preserveDrawingBuffer: true, bounds: config.bounds, fitBoundsOptions: { padding: 12 } });
  map.touchZoomRotate.disableRotation();
  map.getCanvas().setAttribute("aria-label", config.label);
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 90 }), "bottom-left");
  document.getElementById("zoom-in").addEventListener("click", () => map.zoomIn());
  document.getElementById("zoom-out").addEventListener("click", () => map.zoomOut());
  map.on("load", () => {
    map.addSource("places", { type: "geojson", data: features() });
    map.addLayer({ id: "places", type: "circle", source: "places", filter: [">", ["get", "lost"], 0], layout: { "circle-sort-key": ["-", 0, ["get", "lost"]] }, paint: { "circle-radius": ["+", 3, ["*", 17, ["sqrt", ["/", ["get", "lost"], Math.max(config.most, 1)]]]], "circle-color": token("gap-4"), "circle-opacity": 0.75, "circle-stroke-color": ["case", ["get", "lit"], token("ink"), token("paper")], "circle-stroke-width": ["case", ["get", "lit"], 3, 1] } });
    map.on("mousemove", "places", event => { map.getCanvas().style.cursor = "pointer"; light(map, event.features[0].properties.number); });
    map.on("mouseleave", "places", () => { map.getCanvas().style.cursor = ""; light(map, 0); });
    map.on("click", "places", event => document.querySelector(`tr[data-place="${event.features[0].properties.number}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" }));
    map.once("idle", () => { document.body.dataset.ready = "1"; });
  });
  document.addEventListener("change", event => {
    if (event.target.name !== "side") return;
    side = event.target.value;
    map.getSource("places")?.setData(features());
  });
  for (const row of document.querySelectorAll("#loss-table tr[data-place]")) {
    for (const on of ["mouseenter", "focusin"]) row.addEventListener(on, () => light(map, Number(row.dataset.place)));
    for (const off of ["mouseleave", "focusout"]) row.addEventListener(off, () => light(map, 0));
  }
} catch (error) {
  holder.replaceChildren(Object.assign(document.createElement("p"), { className: "no-map", textContent: config.words.noMap }));
  document.body.dataset.ready = "1";
  console.error(error);
}
