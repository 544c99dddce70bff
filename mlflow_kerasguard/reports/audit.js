(() => {
  const table = document.getElementById("versions");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const shown = document.getElementById("shown");
  const words = document.getElementById("words");
  const interesting = document.getElementById("interesting");

  const filter = () => {
    const text = words.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const hit = (!interesting.checked || row.dataset.interesting === "1")
        && (!text || row.textContent.toLowerCase().includes(text));
      row.hidden = !hit;
      count += hit;
    }
    shown.textContent = `${count.toLocaleString()} of ${rows.length.toLocaleString()} versions shown`;
  };

  const sort = (index, button) => {
    const header = button.closest("th");
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[index].dataset.key;
    const collator = new Intl.Collator(undefined, { numeric: true });
    rows.sort((a, b) => collator.compare(key(a), key(b)) * (down ? -1 : 1));
    body.append(...rows);
  };

  [...table.tHead.rows[0].cells].forEach((header, index) => {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sort(index, button));
  });
  words.addEventListener("input", filter);
  interesting.addEventListener("change", filter);
  document.getElementById("controls").hidden = false;
  filter();
})();
