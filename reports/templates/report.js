"use strict";
// Sorts and filters the tables of a page. Without it every table stands as it was written.
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  /** What is sorted and filtered: rows, or whole groups of rows where a table has such. */
  const unitsOf = (table) =>
    table.classList.contains("grouped")
      ? [[...table.tBodies].filter((body) => !body.querySelector(".others"))]
      : [...table.tBodies].map((body) => [...body.rows].filter((row) => !row.matches(".heading, .others")));

  /** A number, a text, or null for what is not known; null comes last in both directions. */
  const valueOf = (unit, column, isNumber) => {
    const cell = (unit.rows ? unit.rows[0] : unit).cells[column];
    if (!isNumber) return cell.textContent.trim();
    const data = cell.querySelector("data");
    const text = (data ? data.value : cell.textContent).replace(/[,$+%\s]/g, "").replace("−", "-");
    return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
  };

  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
  };

  const sort = (groups, column, isNumber, sign) => {
    for (const group of groups) {
      const keys = new Map(group.units.map((unit) => [unit, sign && valueOf(unit, column, isNumber)]));
      const sorted = sign ? [...group.units].sort((a, b) => compare(keys.get(a), keys.get(b), sign)) : group.units;
      for (const unit of sorted) group.parent.insertBefore(unit, group.anchor);
    }
  };

  const sortable = (table, groups) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const isNumber = head.classList.contains("n");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const signs = isNumber ? [0, -1, 1] : [0, 1, -1];
        const now = { ascending: 1, descending: -1 }[head.getAttribute("aria-sort")] || 0;
        const next = signs[(signs.indexOf(now) + 1) % 3];
        for (const other of heads) other.removeAttribute("aria-sort");
        if (next) head.setAttribute("aria-sort", next > 0 ? "ascending" : "descending");
        sort(groups, column, isNumber, next);
      });
    });
  };

  const filterable = (table, groups, number) => {
    const units = groups.flatMap((group) => group.units);
    if (units.length < 8) return;
    const texts = new Map(units.map((unit) => [unit, fold(unit.textContent)]));
    const box = document.createElement("p");
    box.className = "filter";
    const label = document.createElement("label");
    label.htmlFor = `filter-${number}`;
    label.textContent = `Find in ${table.dataset.rows || "rows"}`;
    const input = document.createElement("input");
    input.type = "search";
    input.id = label.htmlFor;
    input.autocomplete = "off";
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const words = fold(input.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const unit of units) {
        unit.hidden = !words.every((word) => texts.get(unit).includes(word));
        shown += !unit.hidden;
      }
      told.textContent = words.length ? `${shown} of ${units.length}; totals are of all` : "";
    });
    box.append(label, input, told);
    table.closest(".scroll").before(box);
  };

  document.querySelectorAll("table.sortable").forEach((table, number) => {
    const groups = unitsOf(table)
      .filter((units) => units.length)
      .map((units) => ({ units, parent: units[0].parentNode, anchor: units.at(-1).nextSibling }));
    sortable(table, groups);
    filterable(table, groups, number);
  });
})();
