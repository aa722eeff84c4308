// Moving to another run or service of the same page without tearing the map down: fetch, swap the parts, go on.
import { setAddress } from "./address.js";
import { showTab } from "../ui.js";
import { watchSettings } from "./settings.js";

const PARTS = ["reading", "twin", "dock", "map-config", "show-switch", "time-switch", "running-box"];

export function watchPage(state, { readConfig, renew, showLegend }) {
  let latest = 0;
  async function go(address, { remember = true } = {}) {
    const url = new URL(address, location.href);
    const turn = ++latest;
    document.querySelector("#main")?.setAttribute("aria-busy", "true");
    let page;
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.querySelector("#map-config")) throw new Error("no map");
    } catch { location.href = url; return; }
    if (turn !== latest) return;
    for (const id of PARTS) {
      const fresh = page.getElementById(id), old = document.getElementById(id);
      if (fresh && old) { old.replaceWith(document.adoptNode(fresh)); window.htmx?.process(fresh); }
    }
    document.title = page.title;
    if (remember) history.pushState(null, "", url);
    setAddress({});
    const main = document.querySelector("#main");
    main?.removeAttribute("aria-busy");
    main?.classList.remove("is-stale", "is-running");
    renew(readConfig());
    showLegend(state.config, state.map?.getZoom());
    watchSettings(state);
  }

  const withKept = changes => {
    const url = new URL(location.href);
    for (const [key, value] of Object.entries(changes)) if (value) url.searchParams.set(key, value); else url.searchParams.delete(key);
    return url;
  };

  // A choice that needs no computing carries the address parts it changes as data-go-*.
  document.addEventListener("change", event => {
    const field = event.target;
    if (field.dataset.goService) go(withKept({ service: field.dataset.goService }));
    if (field.dataset.goRun) go(withKept({ run: field.dataset.goRun, scenario: null }));
  });
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-swap]");
    if (link && !event.metaKey && !event.ctrlKey) { event.preventDefault(); go(withKept(Object.fromEntries(new URL(link.href).searchParams))); }
    const close = event.target.closest("#close-table");
    if (close) { event.preventDefault(); document.querySelector("#twin").classList.toggle("closed"); state.map?.resize(); }
  });
  document.addEventListener("tab", event => setAddress({ tab: event.detail }));
  // The progress fragment says where to go when its job is done.
  document.addEventListener("htmx:load", event => {
    const part = event.detail.elt, done = part.matches?.("[data-done]") ? part : part.querySelector?.("[data-done]");
    if (done?.dataset.done && done.closest("#running-box")) go(withKept({ scenario: null, area: null, ...Object.fromEntries(new URL(done.dataset.done, location.href).searchParams) }));
  });
  document.addEventListener("submit", event => { if (event.target.id === "settings") document.querySelector("#main")?.classList.add("is-running"); });
  addEventListener("popstate", () => go(location.href, { remember: false }));
  const tab = new URLSearchParams(location.search).get("tab"), twin = document.querySelector("#twin");
  if (tab && twin?.querySelector(`[data-tab="${CSS.escape(tab)}"]`)) showTab(twin, tab);
  return { go, withKept };
}
