// Changed settings grey the map and wake the Run button; nothing is computed by surprise.
export function watchSettings(state) {
  const form = document.querySelector("#settings");
  if (!form || form.dataset.watched) return;
  form.dataset.watched = "1";
  const box = document.querySelector("#main"), button = form.querySelector("#run"), note = form.querySelector("#run-note");
  const fresh = note.innerHTML;
  const watched = [...form.elements].filter(field => "setting" in field.dataset);
  const valueOf = field => field.type === "radio" || field.type === "checkbox" ? field.checked : field.value;
  const first = new Map(watched.map(field => [field, valueOf(field)]));
  const wordsOf = field => field.tagName === "SELECT" ? field.selectedOptions[0].textContent.trim() : field.parentNode.textContent.trim();
  const look = () => {
    const changed = watched.filter(field => valueOf(field) !== first.get(field) && (field.type !== "radio" || field.checked));
    const stale = changed.length > 0 || form.dataset.neverRun === "yes" || form.dataset.registryChanged === "yes";
    box.classList.toggle("is-stale", changed.length > 0);
    document.querySelector("#running-box")?.replaceChildren();
    button.disabled = !stale || form.dataset.mayRun !== "yes";
    if (!changed.length) { note.innerHTML = fresh; return; }
    const words = state.config.words;
    note.replaceChildren(document.createTextNode((changed.length === 1 ? words.oneChanged : words.manyChanged.replace("%s", changed.length)) + " "));
    const list = document.createElement("b");
    list.textContent = changed.map(wordsOf).join(words.comma);
    note.append(list, document.createTextNode(words.stop + (words.howLong ? ` ${words.howLong}` : "")));
  };
  for (const field of watched) field.addEventListener("change", look);
  look();
}
