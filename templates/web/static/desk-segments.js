/* Says how many fit while a segment is being built: the desk is asked a moment after each change.
   Without it the button counts. */
"use strict";

(() => {
  const PAUSE = 400;
  const PATIENCE = 10000;
  const ASKED = ["query", "what", "value", "join"];

  for (const form of document.querySelectorAll("form[data-count]")) {
    const told = form.querySelector("[data-told]");
    let timer = 0;
    let asking = null;
    let before = null;

    const fields = () => {
      const pairs = [...new FormData(form)].filter(([name]) => ASKED.includes(name));
      return new URLSearchParams(pairs).toString();
    };

    const ask = async () => {
      const now = fields();
      if (now === before) return;
      before = now;
      if (asking) asking.abort();
      const mine = (asking = new AbortController());
      const ends = setTimeout(() => mine.abort(), PATIENCE);
      try {
        const answer = await fetch(`${form.dataset.count}?${now}`, {
          signal: mine.signal,
          redirect: "error",
        });
        const isOurs = (answer.headers.get("content-type") || "").includes("json");
        const said = answer.ok && isOurs ? await answer.json() : { line: "" };
        if (asking === mine) told.textContent = said.line;
      } catch {
        // Asked anew meanwhile, or the desk is away: the button is there.
        if (asking === mine) told.textContent = "";
      } finally {
        clearTimeout(ends);
      }
    };

    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    };

    form.addEventListener("input", soon);
    before = fields();
  }
})();
