// All state lives in the address: what is shown, which run, which area, which tab, where the map stands.
export function setAddress(changes, { push = false } = {}) {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") url.searchParams.delete(key); else url.searchParams.set(key, value);
  }
  history[push ? "pushState" : "replaceState"](null, "", url);
  // the language switch and any form that returns here must carry the same state
  for (const field of document.querySelectorAll("form.lang input[name=next]")) field.value = url.pathname + url.search;
  return url;
}

export const fromAddress = name => new URLSearchParams(location.search).get(name);

export function placeOfMap() {
  const parts = (fromAddress("at") || "").split(",").map(Number);
  return parts.length === 3 && parts.every(Number.isFinite) ? { center: [parts[0], parts[1]], zoom: parts[2] } : null;
}
