// Two runs on one map: the difference in colours, or both under a divider. Everything it needs stands in #map-config.
import * as maplibregl from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { placeOfMap, setAddress } from "./address.js";
import { addPicked, pickArea } from "./card.js";
import { addCells, cellPaint } from "./cells.js";
import { token } from "./colours.js";
import { showLegend } from "./legend.js";
import { linkAreas } from "./link.js";
import { watchDivider } from "./swipe.js";
import { baseStyle } from "./style.js";

const config = JSON.parse(document.querySelector("#map-config").textContent);
const left = document.querySelector("#map"), right = document.querySelector("#map-after");
const state = { config };
let under = null, over = null;

const sideOf = show => show === "swipe" ? "before" : show;
const painted = show => ({ ...config, show });

// `showing` is asked when the map has loaded: by then something else may be chosen.
function draw(container, showing, view, label) {
  const map = new maplibregl.Map({
    container, style: baseStyle(config), attributionControl: false, dragRotate: false, pitchWithRotate: false,
    localIdeographFontFamily: token("han"), maxZoom: 17, preserveDrawingBuffer: true, ...view,
  });
  map.touchZoomRotate.disableRotation();
  map.getCanvas().setAttribute("aria-label", label);
  map.on("load", () => {
    addCells(map, painted(showing()));
    addPicked(map);
    linkAreas(map, { config, placing: false });
    pickArea(map, {}, config.area, { keep: false });
  });
  return map;
}

// Where one map goes the other follows; the one that follows does not lead.
function follow(one, other) {
  let following = false;
  for (const [lead, tail] of [[one, other], [other, one]]) {
    lead.on("move", () => {
      if (following) return;
      following = true;
      tail.jumpTo({ center: lead.getCenter(), zoom: lead.getZoom() });
      following = false;
    });
  }
}

function showWhat(show) {
  state.config = { ...config, show };
  const swipe = show === "swipe";
  for (const part of document.querySelectorAll("[data-side]")) part.hidden = !swipe;
  right.hidden = !swipe;
  divider.show(swipe);
  if (swipe && !over) {
    over = draw(right, () => "after", { center: under.getCenter(), zoom: under.getZoom() }, config.words.sideLabel.replace("%s", config.labels_of.after));
    follow(under, over);
  } else if (swipe) over.resize();
  const label = swipe ? config.words.sideLabel.replace("%s", config.labels_of.before) : config.label;
  under.getCanvas().setAttribute("aria-label", label);
  if (under.getLayer("cells")) under.setPaintProperty("cells", "fill-color", cellPaint(sideOf(show), config.breaks));
  showLegend(state.config, under.getZoom());
  setAddress({ show: show === config.showFirst ? null : show });
  const last = swipe ? over : under;
  last.once("idle", () => { document.body.dataset.ready = "1"; });
  last.triggerRepaint();
}

const divider = watchDivider({ over: right, words: config.words.share });

try {
  const stands = placeOfMap();
  under = draw(left, () => sideOf(state.config.show), stands ?? { bounds: config.bounds, fitBoundsOptions: { padding: left.clientWidth > 700 ? 24 : 8 } }, config.label);
  under.addControl(new maplibregl.ScaleControl({ maxWidth: 90 }), "bottom-left");
  under.on("zoomend", () => showLegend(state.config, under.getZoom()));
  under.on("moveend", event => {
    if (!event.originalEvent && !stands) return;
    const { lng, lat } = under.getCenter();
    setAddress({ at: `${lng.toFixed(5)},${lat.toFixed(5)},${under.getZoom().toFixed(2)}` });
  });
  document.querySelector("#zoom-in")?.addEventListener("click", () => under.zoomIn());
  document.querySelector("#zoom-out")?.addEventListener("click", () => under.zoomOut());
  showWhat(config.show);
} catch (error) {
  left.replaceChildren(Object.assign(document.createElement("p"), { className: "no-map", textContent: config.words.noMap }));
  for (const part of document.querySelectorAll("#divider, #map-after, #show-switch, [data-side], .zoom")) part.hidden = true;
  document.body.dataset.ready = "1";
  console.error(error);
}
showLegend(state.config, under?.getZoom());
document.addEventListener("change", event => {
  const { name, value, dataset } = event.target;
  if (name === "show" && under) showWhat(value);
  if (dataset.goService) location.href = setAddress({ service: dataset.goService });
});
