/* Shows the page anew every so often. It never takes away what somebody is at: a form that is
   open, a table that is unfolded, the focus. A desk that nobody has touched for an hour stands
   still, so that the log-in can end. */
(function () {
  "use strict";
  var HOUR = 60 * 60 * 1000;
  var touched = Date.now();
  ["pointerdown", "keydown", "scroll"].forEach(function (name) {
    addEventListener(name, function () { touched = Date.now(); }, { passive: true });
  });

  function isBusy(live) {
    return live.contains(document.activeElement) || live.querySelector("details[open]") !== null;
  }

  function later() {
    var live = document.getElementById("live");
    if (live) { setTimeout(look, Number(live.dataset.refresh || 30) * 1000); }
  }

  function look() {
    var live = document.getElementById("live");
    if (document.hidden || Date.now() - touched > HOUR || isBusy(live)) { later(); return; }
    fetch(location.href, { credentials: "same-origin", redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) { throw new Error(String(answer.status)); }
        return answer.text();
      })
      .then(function (text) {
        var fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
        if (fresh && !isBusy(live)) { live.replaceWith(fresh); }
        later();
      })
      .catch(function () {
        var told = live.querySelector("[data-told]");
        if (told) { told.textContent = "This page is no longer up to date."; told.className = "state bad"; }
        later();
      });
  }

  later();
})();
