// The divider between two maps: dragged, or moved with the arrow keys. It says where it stands.
const STEP = 2, PAGE = 10;

export function watchDivider({ over, words }) {
  const handle = document.querySelector("#divider");
  let at = 50;
  const put = share => {
    at = Math.min(100, Math.max(0, share));
    over.style.clipPath = `inset(0 0 0 ${at}%)`;
    handle.style.left = `${at}%`;
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute("aria-valuetext", words.replace("%s", Math.round(at)));
  };
  const KEYS = {
    ArrowLeft: () => at - STEP, ArrowDown: () => at - STEP, ArrowRight: () => at + STEP, ArrowUp: () => at + STEP,
    PageDown: () => at - PAGE, PageUp: () => at + PAGE, Home: () => 0, End: () => 100,
  };
  handle.addEventListener("keydown", event => {
    if (!KEYS[event.key]) return;
    event.preventDefault();
    put(KEYS[event.key]());
  });
  handle.addEventListener("pointerdown", event => { handle.setPointerCapture(event.pointerId); event.preventDefault(); handle.focus(); });
  handle.addEventListener("pointermove", event => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = over.parentNode.getBoundingClientRect();
    put((event.clientX - box.left) / box.width * 100);
  });
  put(at);
  return { show: shown => { handle.hidden = !shown; }, put };
}
