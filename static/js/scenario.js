// The composer of scenarios: an uploaded ground becomes the drawing, so that the people inside are counted at once.
const holder = document.querySelector("[data-ground-url]");
const file = document.querySelector("#id_ground_file"), datum = document.querySelector("#id_ground_datum");
const drawn = document.querySelector("#id_drawn"), said = document.querySelector("#ground-problems");

function tell(problems) {
  said.replaceChildren(...problems.map(words => Object.assign(document.createElement("p"), { className: "errorlist", textContent: words })));
}

async function read(event) {
  event.stopPropagation();
  if (!file.files.length || !datum.value) return;
  const body = new FormData();
  body.append("ground_file", file.files[0]);
  body.append("ground_datum", datum.value);
  const token = document.querySelector("#compose [name=csrfmiddlewaretoken]").value;
  const answer = await fetch(holder.dataset.groundUrl, { method: "POST", body, headers: { "X-CSRFToken": token } });
  const found = await answer.json().catch(() => ({ problems: [answer.statusText] }));
  tell(found.problems ?? []);
  if (!found.geometry) return;
  drawn.value = JSON.stringify(found.geometry);
  file.value = "";
  drawn.dispatchEvent(new Event("input", { bubbles: true }));
  drawn.dispatchEvent(new Event("change", { bubbles: true }));
}

if (holder) for (const field of [file, datum]) field.addEventListener("change", read);
