"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("scripted");

  // CSV of a table as it stands (RFC 4180); for the leaderboard, the file next to the page.
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
  const ofMismatches = () => {
    const rows = [["sample", "label", "float64", "system", "answer", "margin_sigma", "explained"]];
    for (const image of all(".image")) {
      const { sample, label, reference } = image.dataset;
      for (const name of all("dt[data-row]", image)) {
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
      const { table } = button.dataset;
      if (!table) return download("mismatches", ofMismatches());
      const kept = data.csv[document.getElementById(table).dataset.csv];
      return download(table.replace(/^(data|table|context)-/, ""), kept ?? ofTable(document.getElementById(table)));
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
  text?.addEventListener("input", filter);
  for (const control of [ranked, group]) control?.addEventListener("change", filter);
  text?.form.addEventListener("submit", (event) => event.preventDefault());
  const mismatched = document.getElementById("filter-mismatches");
  mismatched?.addEventListener("change", () => {
    const images = all(".image");
    for (const one of images) {
      one.hidden = mismatched.value !== "" && !one.dataset.rows.split("\n").includes(mismatched.value);
    }
    const shown = images.filter((one) => !one.hidden).length;
    document.getElementById("mismatches-count").textContent = `${shown} of ${images.length} images`;
  });

  // Theme: charts are drawn in custom properties. A page from a file may keep no settings.
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

  // A link to a section opens it.
  const reveal = () => {
    const section = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const fold = section && section.querySelector(":scope > details");
    if (fold) fold.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Paper has no folds: what belongs on it is open for as long as printing takes.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = all("details.on-paper:not([open])");
    unfolded.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => unfolded.forEach((one) => (one.open = false)));
})();
