// The compatibility table: one exact Kibana as a column of its own, and filters for its rows.
import { all, element, fetchJson, find, readState, readVersion, versionAt, writeState } from "./common.js";

const form = find("[data-matrix-form]");
const table = find("[data-matrix]");
if (form && table) start();

function start() {
  const head = find("thead tr", table);
  const columns = all("th[data-newest]", head).map((cell) => ({ cell, newest: cell.dataset.newest.split(".").map(Number) }));
  const rows = all("tbody tr", table).map((row) => ({ row, name: row.dataset.name, heading: find("th", row), text: `${row.dataset.name} ${find("th", row).textContent}`.toLowerCase() }));
  const note = find("[data-kibana-note]");
  let offers = null;
  let isWithPrereleases = false;

  const tell = (text, isError = false) => {
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("bad", isError);
  };

  const offer = (name, prereleases) => {
    const { runs, newest } = offers[name] ?? { runs: [[]], newest: [null] };
    const at = prereleases && runs.length > 1 ? 1 : 0;
    return { runs: runs[at], latest: newest[at] };
  };

  /** Draws the cells of a row anew, neighbours with the same answer as one. */
  function draw({ row, name }, prereleases) {
    const { runs, latest } = offer(name, prereleases);
    all("td", row).forEach((cell) => cell.remove());
    let last = null;
    for (const { newest } of columns) {
      const version = versionAt(runs, newest);
      if (last && last.version === version) { last.cell.colSpan += 1; continue; }
      const kind = version === null ? "none" : version === latest ? "latest" : "older";
      const text = version === null ? element("span", { class: "visually-hidden" }, "none") : version;
      last = { version, cell: element("td", { class: kind }, text) };
      row.append(last.cell);
    }
  }

  function apply() {
    const typed = form.elements.kibana.value.trim();
    const version = typed ? readVersion(typed) : null;
    form.elements.kibana.setAttribute("aria-invalid", String(Boolean(typed && !version)));
    const prereleases = form.elements.prerelease.checked;
    if (prereleases !== isWithPrereleases) {
      rows.forEach((entry) => draw(entry, prereleases));
      isWithPrereleases = prereleases;
    }
    all(".answer", table).forEach((cell) => cell.remove());
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const label = version?.numbers.join(".");
    if (version) head.firstElementChild.after(element("th", { scope: "col", class: "answer" }, `Kibana ${label}`));
    let shown = 0;
    let served = 0;
    for (const entry of rows) {
      const { runs, latest } = offer(entry.name, prereleases);
      const gets = version ? versionAt(runs, version.numbers) : latest;
      const isBehind = version ? gets !== latest : all("td", entry.row).some((cell) => !cell.classList.contains("latest"));
      const fits = words.every((word) => entry.text.includes(word)) && (!form.elements.behind.checked || isBehind);
      entry.row.hidden = !fits;
      if (version) {
        const kind = gets === null ? "none" : gets === latest ? "latest" : "older";
        entry.heading.after(element("td", { class: `answer ${kind}` }, gets ?? "none"));
      }
      shown += Number(fits);
      served += Number(fits && gets !== null);
    }
    find("[data-none]").hidden = shown > 0;
    if (typed && !version) tell(`“${typed}” is no version. Write it as 8.17.3.`, true);
    else if (version) tell(`Kibana ${label} gets ${served} of ${shown} packages${version.suffix ? `; it asks without the suffix “${version.suffix}”` : ""}.`);
    else tell("");
  }

  function changed() {
    writeState([...new FormData(form)].map(([key, text]) => [key, String(text).trim()]));
    apply();
  }

  readState(form);
  form.addEventListener("submit", (event) => event.preventDefault());
  fetchJson("data/kibana.json").then((found) => {
    offers = found;
    form.addEventListener("input", changed);
    apply();
  }, () => tell("The exact versions could not be loaded from this host; the table below is complete for minor versions.", true));
}
