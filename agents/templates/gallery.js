(() => {
  // Filters hide cards; their values stand in the address, so that Back, Reload and links bring them back.
  const form = document.querySelector("[data-filters]"), list = document.querySelector("[data-cards]");
  if (!form || !list) return;
  const cards = [...list.children].map((element) => ({
    element, ...element.dataset, luck: "luck" in element.dataset, query: element.querySelector("a").textContent.toLowerCase(),
  }));
  const fields = ["policy", "outcome", "type", "change", "query"];
  const count = form.querySelector("[data-count]"), none = document.querySelector("[data-none]");
  const standard = (name) => form.elements[name].dataset.default ?? "";

  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const name of fields) {
      const field = form.elements[name];
      field.value = asked.has(name) ? asked.get(name) : standard(name);
      if (field.selectedIndex === -1) field.value = standard(name); // an address of another report
    }
  };
  const address = () => {
    const asked = new URLSearchParams();
    for (const name of fields) if (form.elements[name].value !== standard(name)) asked.set(name, form.elements[name].value);
    return `#${asked.size ? asked : "gallery"}`;
  };
  const apply = () => {
    const { policy, outcome, type, change } = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
    const words = form.elements.query.value.toLowerCase().trim();
    const shown = [];
    for (const card of cards) {
      const fits = (!policy || card.policy === policy) && (!type || card.type === type) && (!change || card.change === change)
        && (!outcome || (outcome === "by luck" ? card.luck : card.outcome === outcome)) && (!words || card.query.includes(words));
      if (card.element.hidden === fits) card.element.hidden = !fits;
      if (fits) shown.push(card.element.querySelector("a").getAttribute("href").replace("episodes/", ""));
    }
    count.textContent = `${shown.length} of ${cards.length} episodes`;
    none.hidden = shown.length > 0;
    // The pages of episodes go on through what is shown here.
    try {
      sessionStorage.setItem(`vispro ${new URL(".", location.href).pathname}`, JSON.stringify({ hash: address(), shown }));
    } catch { /* they go through all */ }
  };

  let wait = 0;
  form.addEventListener("change", (event) => {
    if (event.target.name !== "query") location.hash = address(); // an entry in the history
    apply();
  });
  form.elements.query.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => { history.replaceState(null, "", address()); apply(); }, 80);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  const reset = () => {
    for (const name of fields) form.elements[name].value = standard(name);
    location.hash = address();
    apply();
  };
  form.addEventListener("reset", (event) => { event.preventDefault(); reset(); });
  document.querySelector("[data-reset]").addEventListener("click", reset);
  addEventListener("hashchange", () => { read(); apply(); });
  addEventListener("pageshow", () => { read(); apply(); }); // browsers put back values of their own
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    form.elements.query.focus();
  });
  form.hidden = false;
  read();
  apply();
})();
