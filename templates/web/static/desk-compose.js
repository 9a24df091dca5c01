/* Composing with script: pieces are dragged, and what changes is saved by itself. Without it the
   page's buttons do the same; the form is the truth, and its fields' order is the issue's. */
"use strict";

(() => {
  const form = document.getElementById("compose");
  if (!form) return;
  const status = document.getElementById("saved");
  const version = form.elements.version;
  const PAUSE = 1500;
  const LONGEST = 15000;
  const PATIENCE = 30000;
  let timer = 0;
  let dirty = false;
  let since = 0;
  let stopped = "";
  let saving = null;
  let leaving = false;

  form.classList.add("live");

  // By this name the desk knows a page whose answer got lost, and lets it go on from what it saved.
  const page = document.createElement("input");
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  page.type = "hidden";
  page.name = "page";
  page.value = [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  form.prepend(page);

  /* Saving. */

  const say = (line, bad = false) => {
    status.textContent = line;
    status.classList.toggle("unsaved", bad);
  };

  const changed = () => {
    if (!dirty) since = Date.now();
    dirty = true;
    if (stopped) return say(stopped, true);
    say("Not saved yet.");
    clearTimeout(timer);
    // Whoever types without a pause is saved all the same.
    timer = setTimeout(save, Date.now() - since > LONGEST ? 0 : PAUSE);
  };

  const save = () => {
    clearTimeout(timer);
    if (saving || stopped || !dirty) return saving || Promise.resolve();
    dirty = false;
    say("Saving …");
    saving = send().finally(() => {
      saving = null;
      if (dirty && !stopped) timer = setTimeout(save, PAUSE);
    });
    return saving;
  };

  const send = async () => {
    const before = { subject: form.elements.subject.value, preheader: form.elements.preheader.value };
    let answer, said;
    try {
      answer = await fetch(form.dataset.auto, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: AbortSignal.timeout(PATIENCE),
      });
      const isOurs = (answer.headers.get("content-type") || "").includes("json");
      said = isOurs ? await answer.json() : null;
    } catch {
      dirty = true;
      say("Not saved: the desk cannot be reached. It is tried again.", true);
      timer = setTimeout(save, 4 * PAUSE);
      return;
    }
    if (answer.ok && said) return taken(said, before);
    dirty = true;
    if (said && said.field) return say(`Not saved: ${said.line}`, true);
    stopped = said
      ? `Not saved: ${said.line} What you typed stays here; press Save to go on.`
      : "Not saved: your log-in has ended. What you typed stays here; press Save to log in again with it.";
    say(stopped, true);
  };

  const taken = (said, before) => {
    version.value = said.version;
    for (const name of ["subject", "preheader"]) {
      // A proposal that followed the pieces; never over what somebody goes on typing.
      const field = form.elements[name];
      if (field.value === before[name] && field.value !== said[name]) {
        field.value = said[name];
        field.defaultValue = said[name];
      }
    }
    for (const place of form.querySelectorAll("[data-preview]")) {
      const html = said.previews[place.dataset.preview];
      if (html !== undefined && place.innerHTML !== html) place.innerHTML = html;
    }
    if (!dirty) {
      const at = new Date(said.at).toISOString().slice(11, 16);
      say(`Saved at ${at} UTC, as version ${said.version}.`);
    }
  };

  form.addEventListener("input", (event) => {
    if (["find", "url", "into", "pick"].includes(event.target.name)) return;
    if (event.target.name && event.target.name.startsWith("focus-")) return;
    changed();
  });

  form.addEventListener("keydown", (event) => {
    const step = event.target.dataset && event.target.dataset.enter;
    if (event.key !== "Enter" || !step) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector(`button[name="do"][value="${step}"]`));
  });

  form.addEventListener("submit", (event) => {
    if (leaving) return event.preventDefault();
    clearTimeout(timer);
    if (!saving) {
      leaving = true;
      return;
    }
    // What is under way ends first: the form then names the version it made.
    event.preventDefault();
    const button = event.submitter;
    saving.finally(() => setTimeout(() => form.requestSubmit(button), 0));
  });

  window.addEventListener("beforeunload", (event) => {
    if ((dirty || saving) && !leaving) event.preventDefault();
  });
  window.addEventListener("pageshow", () => {
    leaving = false;
  });

  /* Moving. */

  const lists = [...form.querySelectorAll(".entries")];
  const listOf = (entry) => entry.closest(".entries");

  const settle = (entry) => {
    const list = listOf(entry);
    entry.querySelector('[name="section"]').value = list.dataset.section;
    tidy();
    const place = [...list.children].indexOf(entry) + 1;
    changed();
    say(`${entry.dataset.name} is now ${place} of ${list.children.length} in ${list.dataset.title}. Not saved yet.`);
  };

  const tidy = () => {
    for (const list of lists) list.nextElementSibling.classList.toggle("shown", !list.children.length);
  };

  const step = (entry, isUp) => {
    const list = listOf(entry);
    const beside = isUp ? entry.previousElementSibling : entry.nextElementSibling;
    if (beside) {
      if (isUp) beside.before(entry);
      else beside.after(entry);
    } else {
      const next = lists[lists.indexOf(list) + (isUp ? -1 : 1)];
      if (!next) return say(`${entry.dataset.name} is ${isUp ? "first" : "last"} already.`);
      if (isUp) next.append(entry);
      else next.prepend(entry);
    }
    settle(entry);
  };

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-step]");
    if (!button) return;
    event.preventDefault();
    step(button.closest(".entry"), button.dataset.step === "up");
    button.focus();
    button.scrollIntoView({ block: "nearest" });
  });

  // Where a long text ends is seen as soon as its paragraphs are opened.
  form.addEventListener("toggle", (event) => {
    const chosen = event.target.open && event.target.querySelector(".paragraphs :checked");
    if (chosen) chosen.closest(".paragraphs").scrollTop = chosen.closest("li").offsetTop - 60;
  }, true);

  form.addEventListener("change", (event) => {
    const shown = event.target.closest(".ending")?.querySelector("[data-shown]");
    if (shown) shown.textContent = event.target.dataset.words;
    if (event.target.name !== "section") return;
    const entry = event.target.closest(".entry");
    const from = lists.indexOf(listOf(entry));
    const to = lists.findIndex((list) => list.dataset.section === event.target.value);
    if (to > from) lists[to].prepend(entry);
    else lists[to].append(entry);
    settle(entry);
    event.target.focus();
  });

  // Pointer events serve mouse, pen and finger alike; the grip alone takes them from scrolling. They
  // are heard on the document: an element that is moved within the page loses their capture.
  form.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".grip");
    if (!grip || event.button) return;
    event.preventDefault();
    const entry = grip.closest(".entry");
    const was = { list: listOf(entry), next: entry.nextElementSibling };
    entry.classList.add("held");
    document.body.classList.add("moving");

    const move = (at) => {
      if (at.pointerId !== event.pointerId) return;
      const below = document.elementsFromPoint(at.clientX, at.clientY);
      const other = below.map((one) => one.closest(".entry")).find((one) => one && one !== entry);
      if (other) {
        const box = other.getBoundingClientRect();
        if (at.clientY < box.top + box.height / 2) other.before(entry);
        else other.after(entry);
      } else {
        const section = below.map((one) => one.closest(".compose-section")).find(Boolean);
        const list = section && section.querySelector(".entries");
        if (list && !list.contains(entry) && !list.children.length) list.append(entry);
      }
      const edge = 70;
      if (at.clientY < edge) window.scrollBy(0, -12);
      else if (at.clientY > window.innerHeight - edge) window.scrollBy(0, 12);
    };
    const end = (last) => {
      if (last.pointerId !== event.pointerId) return;
      document.removeEventListener("pointermove", move);
      document.removeEventListener("pointerup", end);
      document.removeEventListener("pointercancel", end);
      entry.classList.remove("held");
      document.body.classList.remove("moving");
      if (last.type === "pointercancel") {
        if (was.next) was.next.before(entry);
        else was.list.append(entry);
      }
      if (listOf(entry) !== was.list || entry.nextElementSibling !== was.next) settle(entry);
    };
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
    document.addEventListener("pointercancel", end);
  });

  tidy();
})();
