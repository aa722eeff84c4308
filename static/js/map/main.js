// One map a page. Everything it needs stands in the page as #map-config; nothing is guessed here.
import * as maplibregl from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { placeOfMap, setAddress } from "./address.js";
import { addPicked, pickArea } from "./card.js";
import { addCells, repaintCells } from "./cells.js";
import { token } from "./colours.js";
import { addFacilities, repointFacilities } from "./facilities.js";
import { addDrawing } from "./draw.js";
import { addGround } from "./ground.js";
import { addIslands } from "./islands.js";
import { needsPage, watchHours } from "./hours.js";
import { linkAreas, linkPins } from "./link.js";
import { addPins, addRing, markPlace } from "./pins.js";
import { showLegend } from "./legend.js";
import { watchPage } from "./page.js";
import { watchSettings } from "./settings.js";
import { addStreets } from "./streets.js";
import { baseStyle } from "./style.js";
import { addZones, watchZones } from "./zones.js";
import { drawWhatIf, fitDrawing, watchWhatIf } from "./whatif.js";

const holder = document.querySelector("#map");
const readConfig = (root = document) => JSON.parse(root.querySelector("#map-config").textContent);
const state = { config: readConfig() };

function draw() {
  const { config } = state;
  const stands = placeOfMap();
  const map = new maplibregl.Map({
    container: holder, style: baseStyle(config), attributionControl: false, dragRotate: false, pitchWithRotate: false,
    localIdeographFontFamily: token("han"), maxZoom: 17, preserveDrawingBuffer: true,
    ...(stands ?? (config.center ? { center: config.center, zoom: config.zoom } : { bounds: config.bounds, fitBoundsOptions: { padding: holder.clientWidth > 700 ? { top: 12, bottom: 12, left: 12, right: config.mode === "gap" ? 120 : 12 } : 8 } })),
  });
  map.touchZoomRotate.disableRotation();
  map.getCanvas().setAttribute("aria-label", config.label);
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 90 }), "bottom-left");
  map.on("load", () => {
    addCells(map, config);
    addFacilities(map, config);
    addPicked(map);
    if (config.pins) { addPins(map, config.pins); linkPins(map, state); }
    if (config.ring) addRing(map, config.ring);
    if (config.islands) addIslands(map, config.islands, maplibregl.LngLatBounds);
    if (config.streets) addStreets(map, config.streets, maplibregl.LngLatBounds);
    if ("ground" in config) addGround(map, config, maplibregl.LngLatBounds);
    if (config.zones) addZones(map, config.zones);
    if (config.draw) addDrawing(map, config.draw);
    if (config.drawing) { drawWhatIf(map, config.drawing); fitDrawing(map, config.drawing, maplibregl.LngLatBounds); }
    if (config.place) markPlace(map, config.place);
    if (config.mode === "gap") { linkAreas(map, state); pickArea(map, config, config.area, { keep: false }); state.whatIf = watchWhatIf(state, maplibregl.Marker); state.zones = watchZones(state); }
    else if (config.area) pickArea(map, {}, config.area, { keep: false });
    map.once("idle", () => { document.body.dataset.ready = "1"; });
  });
  if (config.keepPlace) map.on("moveend", event => {
    if (!event.originalEvent && !stands) return;
    const { lng, lat } = map.getCenter();
    setAddress({ at: `${lng.toFixed(5)},${lat.toFixed(5)},${map.getZoom().toFixed(2)}` });
  });
  document.querySelector("#zoom-in")?.addEventListener("click", () => map.zoomIn());
  document.querySelector("#zoom-out")?.addEventListener("click", () => map.zoomOut());
  map.on("zoomend", () => showLegend(state.config, map.getZoom()));
  state.map = map;
  return map;
}

// Something else is to be shown: other colours, another run, another service.
function renew(config) {
  state.config = config;
  const shown = document.querySelector(`input[name=show][value="${CSS.escape(config.show)}"]`);
  if (shown) shown.checked = true;
  if (!state.map?.isStyleLoaded() && !state.map?.getLayer("names")) return;
  repaintCells(state.map, config);
  repointFacilities(state.map, config);
  state.map.getCanvas().setAttribute("aria-label", config.label);
  if (config.mode === "gap") pickArea(state.map, config, config.area, { keep: false });
  state.whatIf?.renew();
  state.zones?.show();
}

function showWhat(show) {
  state.config = { ...state.config, show };
  if (state.map?.getLayer("cells")) repaintCells(state.map, state.config);
  showLegend(state.config, state.map?.getZoom());
  setAddress({ show: show === state.config.showFirst ? null : show });
}

try {
  draw();
} catch (error) {
  holder.innerHTML = "";
  const words = Object.assign(document.createElement("p"), { className: "no-map", textContent: state.config.words.noMap });
  holder.append(words);
  document.body.dataset.ready = "1";
  console.error(error);
}
showLegend(state.config, state.map?.getZoom());
watchSettings(state);
const pages = watchPage(state, { readConfig, renew, showLegend });
document.addEventListener("change", event => {
  if (event.target.name !== "show") return;
  const { value } = event.target;
  if (needsPage(state.config.show, value)) pages.go(pages.withKept({ show: value === state.config.showFirst ? null : value, hour: null }));
  else showWhat(value);
});
watchHours(state, { repaint: () => { if (state.map?.getLayer("cells")) repaintCells(state.map, state.config); }, showLegend });
