// Keeps the figures live and sends the buttons' orders. The page works without it, by reloading.
"use strict";
const EVERY_MS = 2000;
const live = document.getElementById("live");
const told = document.getElementById("told");

function scrolls() {
  return [...live.querySelectorAll(".wide")].map((one) => one.scrollLeft);
}

function show(html) {
  const focused = [...live.querySelectorAll("[tabindex]")].indexOf(document.activeElement);
  const offsets = scrolls();
  live.innerHTML = html; // rendered and escaped by the server; the CSP allows no inline script
  live.querySelectorAll(".wide").forEach((one, index) => { one.scrollLeft = offsets[index] || 0; });
  if (focused >= 0) live.querySelectorAll("[tabindex]")[focused]?.focus({ preventScroll: true });
  const paused = live.querySelector("[data-paused]").dataset.paused === "yes";
  document.getElementById("pause").hidden = paused;
  document.getElementById("resume").hidden = !paused;
}

async function refresh() {
  try {
    const answer = await fetch("/admin/live" + location.search, { signal: AbortSignal.timeout(8000) });
    if (answer.status === 401) { location.assign("/admin/sign-in"); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text());
  } catch {
    document.getElementById("stale").hidden = false;
  }
}

document.querySelectorAll("form[data-order]").forEach((form) => form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form, event.submitter) }).catch(() => null);
  told.textContent = answer?.ok ? `${event.submitter.textContent}: done` : `${event.submitter.textContent}: not done, try again`;
  const toggled = ["pause", "resume"].includes(event.submitter.value);
  await refresh();
  if (toggled) form.querySelector("button:not([hidden])").focus();
}));

(async function watch() {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
    if (!document.hidden) await refresh();
  }
})();
