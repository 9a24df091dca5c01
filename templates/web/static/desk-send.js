// Moves the page of sending by itself: it listens to how the issue stands, and is made anew when
// the issue comes to another state. Without it the page is the same, and is reloaded by hand.
// A desk that is started anew is listened to again, by whatever way the page came to lose it.
(() => {
  "use strict";
  const way = document.querySelector("[data-progress]");
  if (!way || !window.EventSource) return;
  const state = document.querySelector("[data-state]").dataset.state;
  const number = new Intl.NumberFormat("en-GB");
  const show = (name, text) => {
    const found = way.querySelector(`[data-show="${name}"]`);
    if (found && found.textContent !== text) found.textContent = text;
  };
  let startsAt = null;

  const countDown = () => {
    if (startsAt === null) return;
    const left = Math.max(0, Math.round((startsAt - Date.now()) / 1000));
    const words = left > 7200 ? "" : left > 90 ? `It leaves in ${Math.round(left / 60)} minutes.`
      : left > 0 ? `It leaves in ${left} second${left === 1 ? "" : "s"}.` : "It is about to leave.";
    show("starts", words);
  };

  const MOVES = "This page moves by itself. If it stands still,";
  const LOST = "The desk does not answer; this page goes on by itself once it does. If it stands still,";
  const SOONEST = 3000, LATEST = 30000;
  let stream = null;
  let pause = SOONEST;

  const again = () => {
    stream.close();
    window.location.assign(window.location.pathname);
  };

  const move = event => {
    const look = JSON.parse(event.data);
    pause = SOONEST;
    if (look.state !== state) {
      again();
      return;
    }
    startsAt = look.starts_in === null ? null : Date.now() + look.starts_in * 1000;
    countDown();
    const bar = way.querySelector('[data-show="bar"]');
    if (bar) {
      bar.max = Math.max(1, look.audience);
      bar.value = look.done;
    }
    const failures = look.failures.map(([words, count]) => `${number.format(count)} ${words}`);
    show("words", look.words);
    show("pace", look.pace);
    show("sent", number.format(look.sent));
    show("failed", number.format(look.failed) + (failures.length ? `; ${failures.join(", ")}` : ""));
    show("skipped", number.format(look.skipped));
    show("uncertain", number.format(look.uncertain));
    show("live", MOVES);
  };

  // A browser asks again by itself where nobody answers, but never after an answer that is no
  // stream, such as a proxy's 502 while the desk is started anew.
  const askAgain = async () => {
    pause = Math.min(pause * 2, LATEST);
    let answer = null;
    try {
      answer = await fetch(way.dataset.progress, { method: "HEAD" });
    } catch {
      // Nobody is there.
    }
    if (answer && answer.ok && !answer.redirected) listen();
    else if (answer && answer.status < 500) again();
    else window.setTimeout(askAgain, pause);
  };

  const lost = () => {
    show("live", LOST);
    if (stream.readyState === EventSource.CLOSED) window.setTimeout(askAgain, pause);
  };

  const listen = () => {
    stream = new EventSource(way.dataset.progress);
    stream.addEventListener("look", move);
    stream.addEventListener("over", again);
    stream.addEventListener("gone", again);
    stream.addEventListener("error", lost);
  };

  listen();
  window.setInterval(countDown, 1000);
})();
