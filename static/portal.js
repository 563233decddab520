// Hover card and arrow keys for charts. The page works without this file.
"use strict";
(() => {
  const setup = (fig) => {
    if (fig.dataset.ready) return;
    fig.dataset.ready = "1";
    const cols = [...fig.querySelectorAll("svg a, svg .column")];
    const links = cols.filter((c) => c.matches("a"));
    const rows = fig.querySelectorAll("tbody tr");
    const heads = [...fig.querySelectorAll("thead th")];
    const tip = document.createElement("div");
    tip.className = "tooltip"; tip.hidden = true; tip.setAttribute("aria-hidden", "true");
    fig.append(tip);
    const show = (i) => {
      const cells = [...rows[i].cells].map((c) => c.textContent);
      const head = document.createElement("p");
      head.textContent = cells[0];
      const lines = cells.slice(1).map((v, k) => {
        const line = document.createElement("div");
        line.className = k === cells.length - 2 ? "total" : "series-" + heads[k + 1].dataset.colour;
        for (const text of [heads[k + 1].textContent, v]) { const s = document.createElement("span"); s.textContent = text; line.append(s); }
        return line;
      });
      const sum = lines.pop();
      tip.replaceChildren(head, ...lines.reverse(), sum);
      tip.hidden = false;
      const a = cols[i].getBoundingClientRect(), f = fig.getBoundingClientRect();
      const right = a.right - f.left + 8;
      tip.style.left = (right + tip.offsetWidth > f.width ? Math.max(0, a.left - f.left - 8 - tip.offsetWidth) : right) + "px";
      tip.style.top = a.top - f.top + "px";
    };
    const hide = () => { tip.hidden = true; };
    cols.forEach((c, i) => {
      c.querySelector("title")?.remove();
      c.addEventListener("pointerenter", () => show(i));
      c.addEventListener("pointerleave", hide);
      if (!c.matches("a")) return; // a focus listener would make an SVG group a tab stop in Chromium
      c.addEventListener("focus", () => show(i));
      c.addEventListener("blur", hide);
    });
    links.forEach((a, i) => {
      a.setAttribute("tabindex", i === links.length - 1 ? "0" : "-1");
      a.addEventListener("keydown", (e) => {
        const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: links.length - 1 }[e.key];
        if (e.key === "Escape") hide();
        if (to === undefined || !links[to]) return;
        e.preventDefault();
        a.setAttribute("tabindex", "-1");
        links[to].setAttribute("tabindex", "0");
        links[to].focus();
      });
    });
  };
  const all = (root) => root.querySelectorAll("[data-chart]").forEach(setup);
  all(document);
  document.addEventListener("htmx:load", (e) => all(e.detail.elt.parentElement || document));
})();

// On a phone the menu is a strip: where we are is brought into sight.
document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
