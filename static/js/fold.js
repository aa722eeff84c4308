// Rows that fold away under the row of their district. Without scripts every row is there.
const buttons = [...document.querySelectorAll("button.fold")];
const all = document.querySelector("[data-fold-all]");
const rowsOf = button => document.getElementById(button.getAttribute("aria-controls"));

function put(button, open) {
  button.setAttribute("aria-expanded", String(open));
  rowsOf(button).hidden = !open;
}

function sayAll() {
  const open = buttons.some(button => button.getAttribute("aria-expanded") === "true");
  all.textContent = open ? all.dataset.foldAll : all.dataset.words;
}

for (const button of buttons) {
  put(button, false);
  button.addEventListener("click", () => { put(button, button.getAttribute("aria-expanded") !== "true"); sayAll(); });
}
if (all && buttons.length) {
  all.dataset.words = all.textContent;
  all.hidden = false;
  all.addEventListener("click", () => {
    const open = !buttons.some(button => button.getAttribute("aria-expanded") === "true");
    for (const button of buttons) put(button, open);
    sayAll();
  });
}
