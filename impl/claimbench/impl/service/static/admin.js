// Keeps the figures live, asks before what is hard to undo, and sends the buttons' orders.
// The pages work without it, by reloading.
"use strict";
const EVERY_MS = 2000;
const OLD_MS = 10000;
const live = document.querySelector("[data-live]");
const alarm = document.getElementById("alarm");
const told = document.getElementById("told");
let shownAt = Date.now();

// Change only what differs, so that a selection, the focus and scrolled tables stay where they are.
function patch(old, fresh) {
  for (const { name, value } of fresh.attributes ?? []) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...(old.attributes ?? [])]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  const wanted = children(fresh);
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  for (const child of children(old)) if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  wanted.forEach((child, index) => {
    const key = keyOf(child);
    let here = old.childNodes[index] ?? null;
    if (key && keyOf(here) !== key) {
      const kept = [...old.childNodes].slice(index).find((one) => keyOf(one) === key);
      if (kept) { old.insertBefore(kept, here); here = kept; }
    }
    if (!here || keyOf(here) !== key) old.insertBefore(child, here);
    else if (here.nodeName !== child.nodeName) here.replaceWith(child);
    else if (child.nodeType === Node.ELEMENT_NODE) patch(here, child);
    else if (here.data !== child.data) here.data = child.data;
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// What has a key is found again by it wherever it is then; the blanks between such nodes mean nothing.
function children(node) {
  const all = [...node.childNodes];
  if (!all.some(keyOf)) return all;
  return all.filter((one) => {
    const means = one.nodeType === Node.ELEMENT_NODE || one.data.trim();
    if (!means) one.remove();
    return means;
  });
}

function keyOf(node) {
  return node?.dataset?.key ?? null;
}

function show(html) {
  const selection = getSelection();
  const ends = selection.isCollapsed
    ? [] : [selection.anchorNode, selection.anchorOffset, selection.focusNode, selection.focusOffset];
  const fresh = document.createElement("div");
  fresh.innerHTML = html; // rendered and escaped by the server; the CSP allows no inline script
  for (const { name, value } of live.attributes) fresh.setAttribute(name, value);
  patch(live, fresh);
  reselect(selection, ends);
  const health = live.querySelector("[data-paused]");
  document.getElementById("pause").hidden = health.dataset.paused === "yes";
  document.getElementById("resume").hidden = health.dataset.paused !== "yes";
  document.title = `${health.dataset.title} · Claimbench`;
}

function reselect(selection, [anchor, anchorAt, focus, focusAt]) {
  if (!anchor || !live.contains(anchor) || !live.contains(focus)) return;
  const within = (node, at) => Math.min(at, node.data?.length ?? node.childNodes.length);
  selection.setBaseAndExtent(anchor, within(anchor, anchorAt), focus, within(focus, focusAt));
}

async function refresh() {
  try {
    const answer = await fetch(live.dataset.live + location.search, { signal: AbortSignal.timeout(8000) });
    if (answer.status === 401) { location.assign("/admin/sign-in"); return; }
    if (!answer.ok) throw new Error(`the service answers ${answer.status}`);
    show(await answer.text());
    shownAt = Date.now();
    warn("");
  } catch (error) {
    warn(error.message.startsWith("the service") ? error.message : "the service does not answer");
  }
}

function warn(reason) {
  const since = new Date(shownAt).toISOString().slice(11, 19);
  const text = reason ? `Not up to date: ${reason}. The figures below are from ${since} UTC.` : "";
  if (alarm.textContent !== text) alarm.textContent = text;
  alarm.hidden = !reason;
  document.body.classList.toggle("old", Boolean(reason));
  if (reason) document.title = "✖ Not up to date · Claimbench";
}

function asked(button) {
  const dialog = document.getElementById("ask");
  document.getElementById("question").textContent = button.dataset.ask;
  document.getElementById("yes").textContent = button.dataset.yes ?? button.textContent;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

for (const answer of ["yes", "no"]) {
  document.getElementById(answer).addEventListener("click", () => document.getElementById("ask").close(answer));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  const steers = "order" in form.dataset;
  if (!steers && !button?.dataset.ask) return;
  event.preventDefault();
  const body = new FormData(form, button);
  if (button.dataset.ask && !(await asked(button))) return;
  if (steers) await send(form, button, body);
  else form.submit();
});

async function send(form, button, body) {
  const name = button.textContent;
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  const reason = answer?.ok ? "" : await answer?.json().then((problem) => problem.detail).catch(() => null);
  told.textContent = answer?.ok ? `${name}: done` : `${name}: not done, ${reason ?? "try again"}`;
  await refresh();
  if (["pause", "resume"].includes(button.value)) form.querySelector("button:not([hidden])").focus();
}

async function watch() {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
    if (!document.hidden) await refresh();
  }
}

if (live) {
  watch();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (Date.now() - shownAt > OLD_MS) warn("nobody looked for a while");
    refresh();
  });
}
