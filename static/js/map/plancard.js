// The card of a place of the plan: opened from the list, from a pin, or from another card; the server renders it.
import { markPlace } from "./pins.js";
import { setAddress } from "./address.js";

export function watchCard(map, state, light) {
  const card = document.querySelector("#card");
  if (!card) return { open() {} };
  let opener = null;

  const show = () => {
    const inside = card.querySelector("[data-card-order], [data-card-lon]");
    card.hidden = !inside;
    if (!inside) return;
    const { cardOrder, cardLon, cardLat } = inside.dataset;
    light(cardOrder ? Number(cardOrder) : -1);
    markPlace(map, cardLon ? { lon: Number(cardLon), lat: Number(cardLat) } : null);
    if (cardLon) map.easeTo({ center: [Number(cardLon), Number(cardLat)], zoom: Math.max(map.getZoom(), 12.5) });
  };

  async function open(address, { focus = true, from = null } = {}) {
    const url = new URL(address, location.href);
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    card.innerHTML = await answer.text();
    window.htmx?.process(card);
    opener = from;
    show();
    setAddress({ order: url.searchParams.get("order"), option: url.searchParams.get("option") });
    if (focus) card.querySelector("#card-head")?.focus({ preventScroll: innerWidth > 900 });
    if (innerWidth <= 900) card.scrollIntoView({ block: "nearest" });
  }

  function close() {
    card.hidden = true;
    card.replaceChildren();
    light(-1);
    markPlace(map, null);
    setAddress({ order: null, option: null });
    (opener?.isConnected ? opener : null)?.focus();
  }

  document.addEventListener("click", event => {
    if (event.metaKey || event.ctrlKey) return;
    const link = event.target.closest("[data-card]");
    if (link) {
      event.preventDefault();
      const asked = new URL(link.dataset.card, location.href).searchParams, address = new URL(state.config.card, location.href);
      for (const name of ["order", "option"]) if (asked.get(name)) address.searchParams.set(name, asked.get(name));
      open(address, { from: link });
    }
    if (event.target.closest("[data-card-close]")) { event.preventDefault(); close(); }
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape" && !card.hidden && card.contains(document.activeElement)) close(); });
  // a button of the card was answered: the marks of the list follow when the page is opened anew
  document.body.addEventListener("htmx:afterSwap", event => { if (event.detail.target === card) show(); });
  if (!card.hidden) show();
  return { open, ofOrder: order => { const address = new URL(state.config.card, location.href); address.searchParams.set("order", order); open(address); } };
}
