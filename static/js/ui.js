// Small manners shared by all pages: sorting in place, copying, tabs, dismissing, filters that apply themselves.
const chinese = document.documentElement.lang.startsWith("zh");
const collator = new Intl.Collator(chinese ? "zh" : "en", { numeric: true });

// Numbers compare by value (data-value wins over the text), text by the language's own order; "—" goes last.
function cellValue(row, at) {
  const cell = row.children[at];
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return Number.isNaN(number) ? text : number;
}

export function sortTable(table, at, descending) {
  const body = table.tBodies[0];
  const known = value => value !== "—" && value !== "";
  const order = (first, second) => {
    const a = cellValue(first, at), b = cellValue(second, at);
    if (known(a) !== known(b)) return known(a) ? -1 : 1;
    const result = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
    return descending ? -result : result;
  };
  body.append(...[...body.rows].sort(order));
}

document.addEventListener("click", event => {
  const sorter = event.target.closest("button.sort");
  if (sorter) {
    const head = sorter.closest("th"), row = head.parentNode;
    const descending = head.getAttribute("aria-sort") !== "descending";
    for (const other of row.children) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sortTable(head.closest("table"), [...row.children].indexOf(head), descending);
  }
  const copier = event.target.closest("[data-copy]");
  if (copier) navigator.clipboard?.writeText(copier.dataset.copy).then(() => { copier.textContent = copier.dataset.copied || copier.textContent; });
  const closer = event.target.closest("[data-dismiss]");
  if (closer) closer.closest(closer.dataset.dismiss || ".notice")?.remove();
  const tab = event.target.closest("[data-tab]");
  if (tab) {
    event.preventDefault();
    showTab(tab.closest("[data-tabs]"), tab.dataset.tab);
  }
});

export function showTab(holder, name) {
  for (const tab of holder.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === name) tab.setAttribute("aria-current", "true"); else tab.removeAttribute("aria-current");
  }
  for (const panel of holder.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== name;
  holder.dispatchEvent(new CustomEvent("tab", { detail: name, bubbles: true }));
}

// A page that waits for a job opens its result as soon as it is there.
document.addEventListener("htmx:load", event => {
  const part = event.detail.elt, done = part.matches?.("[data-done]") ? part : part.querySelector?.("[data-done]");
  if (done?.dataset.done && done.closest("[data-follow]")) location.href = done.dataset.done;
});

// Filters apply when a box is ticked; without scripts the button does it.
for (const form of document.querySelectorAll("form[data-auto-submit]")) {
  for (const button of form.querySelectorAll("[data-submit]")) button.hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}

// Sections that open by a choice (radio or select) elsewhere in the form: name=value, or name=one,other.
for (const part of document.querySelectorAll("[data-show-when]")) {
  const [name, value] = part.dataset.showWhen.split("=");
  const look = () => {
    const chosen = document.querySelector(`[name="${name}"]:checked, select[name="${name}"]`);
    part.hidden = !value.split(",").includes(chosen?.value);
  };
  document.addEventListener("change", look);
  look();
}
