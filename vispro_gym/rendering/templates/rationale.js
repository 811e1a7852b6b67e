"use strict";
(() => {
  // The theme: that of the system until another is chosen. Storage may be forbidden, which changes nothing but memory.
  const root = document.documentElement, key = "vispro-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const remember = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const button = document.querySelector("[data-theme-switch]");
  const name = () => { if (button) button.textContent = isDark() ? "Light" : "Dark"; };
  const known = remember();
  if (known === "dark" || known === "light") root.dataset.theme = known;
  if (button) {
    button.hidden = false;
    button.setAttribute("aria-label", "Switch between light and dark");
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem(key, root.dataset.theme); } catch { /* this page only */ }
      name();
    });
  }
  system.addEventListener("change", name);
  name();

  // Whatever is pointed at lights up its boxes, and a box what is about it.
  const numbers = (element) => (element.dataset.marks ?? element.dataset.mark ?? "").split(" ").filter(Boolean);
  const light = (scope, wanted) => {
    for (const lit of scope.querySelectorAll(".lit")) lit.classList.remove("lit");
    scope.classList.toggle("pointing", wanted.size > 0);
    if (!wanted.size) return;
    for (const element of scope.querySelectorAll("[data-mark], .event[data-marks], .held[data-marks]"))
      if (numbers(element).some((number) => wanted.has(number))) element.classList.add("lit");
  };
  const point = (event) => {
    if (!(event.target instanceof Element)) return;
    const scope = event.target.closest(".rationale");
    if (!scope) return;
    const element = event.target.closest("[data-marks], [data-mark]");
    light(scope, new Set(element ? numbers(element) : []));
  };
  const leave = (event) => {
    const scope = event.target instanceof Element ? event.target.closest(".rationale") : null;
    if (scope && !(event.relatedTarget instanceof Element && scope.contains(event.relatedTarget))) light(scope, new Set());
  };
  for (const type of ["pointerover", "focusin"]) document.addEventListener(type, point);
  for (const type of ["pointerout", "focusout"]) document.addEventListener(type, leave);
})();
