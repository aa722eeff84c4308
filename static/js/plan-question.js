// A place that got a say moves from the places found to the places named, so that the next search does not lose it.
const named = document.getElementById("chosen-places"), found = document.getElementById("found-places");

found?.addEventListener("change", event => {
  const row = event.target.closest("li");
  if (!row || !event.target.value) return;
  for (const other of named.querySelectorAll("select")) if (other.name === event.target.name) other.closest("li").remove();
  named.append(row);
  row.querySelector("select").focus();
});

// Found again what is named already: the one that was named stays the one that counts.
found?.addEventListener("htmx:afterSwap", () => {
  const taken = new Set([...named.querySelectorAll("select")].map(one => one.name));
  for (const select of found.querySelectorAll("select")) if (taken.has(select.name)) select.closest("li").remove();
});

// Enter in the search looks for places; it does not send the question.
document.getElementById("seek-places")?.addEventListener("keydown", event => {
  if (event.key === "Enter") event.preventDefault();
});
