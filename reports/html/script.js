"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // CSV: of a figure from its data, of a table as it stands (RFC 4180).
  const field = (value) => {
    const shown = value === null || value === undefined ? "" : String(value);
    // A spreadsheet computes text that begins like this; a number, or the mark of an absent one, is left alone.
    const computed = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(shown) && shown !== "-" && Number.isNaN(Number(shown));
    const text = computed ? `'${shown}` : shown;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
  const ofTable = (table) =>
    csv(all("tr", table).map((row) => [...row.cells].map((cell) => cell.textContent.trim())));
  const ofFigure = ({ columns, rows }) => csv([columns.map(([, heading]) => heading), ...rows]);
  const ofFlips = () => {
    const rows = [["sample", "label", "float64", "system", "answer", "margin_sigma", "explained"]];
    for (const picture of all(".picture")) {
      const { sample, label, reference } = picture.dataset;
      for (const name of all("dt[data-row]", picture)) {
        const { answer, margin, explained } = name.nextElementSibling.dataset;
        rows.push([sample, label, reference, name.dataset.row, answer, margin, explained]);
      }
    }
    return csv(rows);
  };
  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  for (const button of all("button.csv")) {
    button.addEventListener("click", () => {
      const { figure, table } = button.dataset;
      if (figure) return download(figure, ofFigure(data.figures[figure]));
      if (!table) return download("flips", ofFlips());
      const shown = document.getElementById(table);
      const kept = data.csv[shown.dataset.csv];
      const title = shown.caption.textContent.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-");
      return download(kept ? table : title, kept ?? ofTable(shown));
    });
  }

  // Sorting: rows with nothing in the column stay last either way.
  const compare = (one, other) => {
    const [a, b] = [Number(one), Number(other)];
    return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
  };
  for (const table of all("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        const key = (row) => row.cells[column].dataset.key;
        rows.sort((a, b) => {
          if (!key(a) || !key(b)) return !key(a) - !key(b);
          return falling ? compare(key(b), key(a)) : compare(key(a), key(b));
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Filters.
  const board = document.getElementById("leaderboard");
  const [text, ranked, group] = ["text", "ranked", "group"].map((name) => document.getElementById(`filter-${name}`));
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...board.tBodies[0].rows];
    for (const row of rows) {
      const content = `${row.textContent} ${row.dataset.group ?? ""}`.toLowerCase();
      row.hidden =
        !words.every((word) => content.includes(word)) ||
        (ranked.value !== "" && row.dataset.ranked !== ranked.value) ||
        Boolean(group?.value && row.dataset.group !== group.value);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    document.getElementById("filter-count").textContent = `${shown} of ${rows.length} rows`;
  };
  text.addEventListener("input", filter);
  for (const control of [ranked, group]) control?.addEventListener("change", filter);
  text.form.addEventListener("submit", (event) => event.preventDefault());
  const flipped = document.getElementById("filter-flips");
  flipped?.addEventListener("change", () => {
    const pictures = all(".picture");
    for (const one of pictures) {
      one.hidden = flipped.value !== "" && !one.dataset.rows.split("\n").includes(flipped.value);
    }
    const shown = pictures.filter((one) => !one.hidden).length;
    document.getElementById("flips-count").textContent = `${shown} of ${pictures.length} pictures`;
  });

  // Theme: charts are drawn in custom properties, so nothing is drawn again. A page from a file may keep no settings.
  const theme = document.getElementById("theme");
  const apply = (value) => {
    if (value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
  };
  try {
    theme.value = localStorage.getItem("alexbench-theme") || "system";
  } catch {
    theme.value = "system";
  }
  if (theme.selectedIndex < 0) theme.value = "system";
  apply(theme.value);
  theme.addEventListener("change", () => {
    apply(theme.value);
    try {
      localStorage.setItem("alexbench-theme", theme.value);
    } catch {
      // Then it holds for as long as the page is open.
    }
  });

  // Paper shows everything: what is folded is unfolded for as long as it takes.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = all("#context details:not([open])");
    unfolded.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => unfolded.forEach((one) => (one.open = false)));

  // Charts.
  const draw = async (element) => {
    const { columns, rows, spec } = data.figures[element.dataset.figure];
    const values = rows.map((row) => Object.fromEntries(columns.map(([key], place) => [key, row[place]])));
    const figure = element.closest("figure");
    const description = `${figure.querySelector("h3").textContent}. ${figure.querySelector("figcaption").textContent}`;
    await window.vegaEmbed(
      element,
      { ...spec, description, datasets: { rows: values } },
      { renderer: "svg", actions: false, tooltip: { theme: "custom" } },
    );
  };
  Promise.all(all(".chart").map(draw)).then(
    () => (document.documentElement.dataset.drawn = "yes"),
    (error) => {
      document.documentElement.dataset.drawn = "no";
      console.error(error);
    },
  );
})();
