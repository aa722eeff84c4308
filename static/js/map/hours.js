// Coverage after activation: the slider repaints cells that are already there, and moves sentence, table and address along.
import { setAddress } from "./address.js";

// These come with numbers of their own, so the page is asked for them; the others only change colours.
const ASKED = ["hour", "backup", "access"];
export const needsPage = (now, next) => now !== next && (ASKED.includes(now) || ASKED.includes(next));

export function watchHours(state, { repaint, showLegend }) {
  const show = at => {
    const hours = state.config.hours, step = hours?.steps[at];
    if (!step) return;
    hours.at = at;
    state.config.legends.hour.title = step.title;
    repaint();
    showLegend(state.config, state.map?.getZoom());
    const head = document.querySelector("#reading h1"), tail = document.createElement("em");
    tail.textContent = step.tail;
    head.replaceChildren(`${step.sentence} `, tail);
    const slider = document.querySelector("#hour-slider");
    slider.value = at;
    slider.setAttribute("aria-valuetext", step.said);
    for (const link of document.querySelectorAll("#hours a[data-step]")) {
      if (Number(link.dataset.step) === at) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
    for (const cell of document.querySelectorAll(".hour-table [data-step]")) cell.toggleAttribute("data-now", Number(cell.dataset.step) === at);
    setAddress({ show: "hour", hour: step.hour });
  };
  document.addEventListener("input", event => { if (event.target.id === "hour-slider") show(Number(event.target.value)); });
  document.addEventListener("click", event => {
    const link = event.target.closest("#hours a[data-step]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    show(Number(link.dataset.step));
  });
}
