(() => {
  // Two of the programs side by side. Without this script they stand one below another.
  const form = document.querySelector("[data-sides]"), pair = document.querySelector(".pair");
  const all = [...pair.querySelectorAll(":scope > .tried")], links = [...document.querySelectorAll(".policies a")];
  const { left, right } = form.elements;

  const read = () => {
    const single = /^#p(\d+)$/.exec(location.hash);
    const asked = new URLSearchParams(location.hash.slice(1));
    const place = (text, other) => (/^\d+$/.test(text ?? "") && Number(text) < all.length ? Number(text) : Number(other));
    const second = place(single ? single[1] : asked.get("right"), form.dataset.right);
    let first = place(asked.get("left"), form.dataset.left);
    if (single && first === second) first = second > 0 ? second - 1 : Math.min(1, all.length - 1);
    left.value = first;
    right.value = second;
  };
  const apply = () => {
    const chosen = [Number(left.value), Number(right.value)];
    all.forEach((section, place) => {
      section.hidden = !chosen.includes(place);
      section.classList.toggle("at-left", place === chosen[0]);
      section.classList.toggle("at-right", place === chosen[1]);
      links[place].classList.toggle("chosen", chosen.includes(place));
    });
    pair.classList.toggle("compared", chosen[0] !== chosen[1]);
  };
  form.addEventListener("change", () => { history.replaceState(null, "", `#left=${left.value}&right=${right.value}`); apply(); });
  addEventListener("hashchange", () => { read(); apply(); });
  addEventListener("pageshow", () => { read(); apply(); });
  form.hidden = all.length < 2;
  read();
  apply();

  // Previous and next go through what the gallery shows.
  try {
    const known = JSON.parse(sessionStorage.getItem(`vispro ${new URL("..", location.href).pathname}`));
    const pages = known.shown.filter((href) => /^\d+\.html#p\d+$/.test(href));
    document.querySelector("[data-back]").hash = known.hash;
    const names = [...new Set(pages.map((href) => href.split(".")[0]))], place = names.indexOf(document.body.dataset.sample);
    if (place < 0) return;
    const go = (link, name) => {
      link.hidden = !name;
      if (name) link.setAttribute("href", pages.find((href) => href.startsWith(`${name}.`)));
    };
    go(document.querySelector("[data-before]"), names[place - 1]);
    go(document.querySelector("[data-after]"), names[place + 1]);
    document.querySelector("[data-place]").textContent = `${place + 1} of ${names.length}`;
  } catch { /* they go through all */ }
})();
