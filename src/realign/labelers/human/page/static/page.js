"use strict";
// Keyboard shortcuts press the page's own buttons; everything works without this file, too.
(() => {
  const form = document.getElementById("answer");
  const comment = form.querySelector("textarea");
  const prompt = document.querySelector(".prompt");
  if (prompt) prompt.scrollTop = prompt.lastElementChild.offsetTop - prompt.offsetTop - 12;

  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.key === "Escape") document.activeElement.blur();
    if (event.target === comment) return;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code); // also where digits need shift
    const key = digit ? digit[1] : event.key.toLowerCase();
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target === comment) comment.focus();
    else target.click();
  });

  // A half-written answer survives a reload, another view and a closed laptop, until the next pair.
  const draft = form.dataset.draft;
  for (const key of Object.keys(localStorage)) if (key !== draft) localStorage.removeItem(key);
  if (!draft) return;
  const kept = JSON.parse(localStorage.getItem(draft) || "{}");
  if (kept.comment) comment.value = kept.comment;
  for (const radio of form.elements.confidence) if (radio.value === kept.confidence) radio.checked = true;
  form.addEventListener("input", () => {
    const now = { comment: comment.value, confidence: form.elements.confidence.value };
    localStorage.setItem(draft, JSON.stringify(now));
  });
})();
