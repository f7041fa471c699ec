"use strict";
// Sorts tables and shows the values of figures. Without it the page holds the same numbers.
(() => {
  const status = document.getElementById("told");

  // Tables: headings become buttons; a third press restores the order of the page.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" };
        const order = next[heading.getAttribute("aria-sort")];
        headings.forEach((other) => other.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", order);
        const sign = order === "descending" ? -1 : 1;
        const value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
        const rows = order === "none" ? original : [...original].sort((a, b) => {
          const [x, y] = [value(a), value(b)];
          if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
          const [m, n] = [Number(x), Number(y)];
          if (x !== "" && !Number.isNaN(m) && !Number.isNaN(n)) return sign * (m - n);
          return sign * x.localeCompare(y, "en", { numeric: true });
        });
        body.append(...rows);
        const name = heading.textContent.trim();
        status.textContent = order === "none" ? "In the order of the page." : `Sorted by ${name}, ${order}.`;
      });
    });
  }

  // Figures: the spot nearest to the pointer, or the one that arrow keys have reached, tells its value.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("r", "6.5");
  ring.setAttribute("class", "ring");

  const hide = () => {
    tip.hidden = true;
    ring.remove();
  };
  const show = (svg, spot) => {
    ring.setAttribute("cx", spot.x);
    ring.setAttribute("cy", spot.y);
    svg.append(ring);
    tip.textContent = spot.text;
    tip.hidden = false;
    const at = ring.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(at.left + at.width / 2 - tip.offsetWidth / 2, 4), width - tip.offsetWidth - 4);
    const above = at.top - tip.offsetHeight - 8;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above > 0 ? above : at.bottom + 8) + window.scrollY}px`;
  };

  // A tall figure may hold the spot out of sight.
  const reach = (svg, spot) => {
    show(svg, spot);
    ring.scrollIntoView({ block: "nearest", inline: "nearest" });
    show(svg, spot);
  };

  for (const card of document.querySelectorAll(".card")) {
    const svg = card.querySelector("svg");
    const spots = [...svg.querySelectorAll(".tip")].map((circle) => {
      const spot = {
        x: Number(circle.getAttribute("cx")),
        y: Number(circle.getAttribute("cy")),
        text: circle.textContent,
      };
      circle.remove();
      return spot;
    });
    if (spots.length === 0) continue;
    let current = -1;
    card.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      let best = null;
      let least = 28 * Math.max(1, scale);
      spots.forEach((spot, i) => {
        const distance = Math.hypot(spot.x - x, spot.y - y);
        if (distance < least) [best, least, current] = [spot, distance, i];
      });
      if (best) show(svg, best);
      else hide();
    });
    card.addEventListener("pointerleave", hide);
    card.addEventListener("focus", () => {
      if (!card.matches(":focus-visible")) return;
      current = Math.max(current, 0);
      reach(svg, spots[current]);
      status.textContent = `${spots[current].text}. Arrow keys go through ${spots.length} values.`;
    });
    card.addEventListener("blur", hide);
    card.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return hide();
      if (event.key === "Home") current = 0;
      else if (event.key === "End") current = spots.length - 1;
      else if (step) current = (Math.max(current, 0) + step + spots.length) % spots.length;
      else return undefined;
      event.preventDefault();
      const spot = spots[current];
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      card.scrollLeft = spot.x * scale - card.clientWidth / 2;
      reach(svg, spot);
      status.textContent = spot.text;
      return undefined;
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
