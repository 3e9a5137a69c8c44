// Filters the tiles that the page holds. The address always says which filters are on.
import { all, fetchJson, find, fromRegistry, readState, readVersion, versionAt, writeState } from "./common.js";

const setting = find("[data-setting]");
if (setting) {
  const text = `xpack.fleet.registryUrl: "${fromRegistry("").replace(/\/+$/, "")}"`;
  setting.textContent = text;
  setting.parentElement.querySelector("[data-copy]").dataset.copy = text;
}

const form = find("[data-filters]");
if (form) start();

function start() {
  const list = find("[data-tiles]");
  const tiles = all(".tile", list).map((tile, place) => ({
    tile,
    place,
    name: tile.dataset.name,
    text: `${tile.dataset.name} ${find("h3", tile).textContent} ${find(".about", tile).textContent} ${tile.dataset.words}`.toLowerCase(),
    categories: new Set(tile.dataset.categories.split(" ")),
    layers: new Set(tile.dataset.layers.split(" ")),
    chip: find("[data-shown]", tile),
    link: find("h3 a", tile),
    data: tile.dataset,
    words: undefined,
  }));
  const count = find("[data-count]");
  const none = find("[data-none]");
  const noneWhy = find("[data-none-why]");
  const note = find("[data-kibana-note]");
  const active = find("[data-active]");
  let offers = null;
  let loading = null;
  let order = "";

  const checked = (name) => all(`input[name="${name}"]:checked`, form).map((input) => input.value).filter(Boolean);
  const value = (name) => form.elements[name]?.value?.trim() ?? "";
  const isOn = (name) => Boolean(form.elements[name]?.checked);

  /** The versions that Kibanas get are a file of their own: it is fetched when the first Kibana is named. */
  function load() {
    loading ??= fetchJson("data/kibana.json").then((found) => { offers = found; apply(); }, () => {
      loading = null;
      tell("What each Kibana gets could not be loaded from this host.", true);
    });
  }

  function tell(text, isError = false) {
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("bad", isError);
  }

  function shownVersion(entry, kibana, prereleases) {
    if (!kibana) return prereleases && entry.data.next ? entry.data.next : entry.data.version;
    const runs = offers[entry.name]?.runs ?? [];
    return versionAt((prereleases && runs[1]) || runs[0] || [], kibana.numbers);
  }

  function apply() {
    const words = value("q").toLowerCase().split(/\s+/).filter(Boolean);
    const [category = ""] = checked("category");
    const types = new Set(checked("type"));
    const layers = new Set(checked("layer"));
    const owners = new Set(checked("owner"));
    const prereleases = isOn("prerelease");
    const typed = value("kibana");
    const version = typed ? readVersion(typed) : null;
    const input = form.elements.kibana;
    input.setAttribute("aria-invalid", String(Boolean(typed && !version)));
    if (typed && !version) tell(`“${typed}” is no version. Write it as 8.17.3.`, true);
    else if (version && !offers) { tell("Loading what each Kibana gets…"); load(); }
    else if (version?.suffix) tell(`Shown for ${version.numbers.join(".")}: Kibana asks without the suffix “${version.suffix}”.`);
    else tell("");
    const kibana = version && offers ? version : null;
    let shown = 0;
    for (const entry of tiles) {
      const { data } = entry;
      let gets = null;
      const fits = words.every((word) => entry.text.includes(word))
        && (!category || entry.categories.has(category))
        && (!types.size || types.has(data.type))
        && (!layers.size || [...layers].some((layer) => entry.layers.has(layer)))
        && (!owners.size || owners.has(data.owner))
        && (!isOn("signed") || data.signed)
        && (!isOn("current") || !data.deprecated)
        && (gets = shownVersion(entry, kibana, prereleases)) !== null;
      entry.tile.hidden = !fits;
      if (!fits) continue;
      shown += 1;
      if (entry.chip.textContent !== gets) entry.chip.textContent = gets;
      entry.chip.classList.toggle("other", gets !== data.version);
    }
    sort(value("sort"));
    count.textContent = `${shown.toLocaleString("en")} ${shown === 1 ? "package" : "packages"}${shown < tiles.length ? ` of ${tiles.length.toLocaleString("en")}` : ""}`;
    none.hidden = shown > 0;
    noneWhy.textContent = kibana ? `No package that passes the filters has a version for Kibana ${version.numbers.join(".")}.` : "Take a filter away, or look for another word.";
    const filters = types.size + layers.size + owners.size + (category ? 1 : 0) + Number(isOn("signed")) + Number(isOn("current"));
    active.textContent = filters ? String(filters) : "";
    return shown;
  }

  function sort(by) {
    if (by === order) return;
    order = by;
    const orders = {
      name: (a, b) => (a.name < b.name ? -1 : 1),
      versions: (a, b) => b.data.versions - a.data.versions || a.place - b.place,
    };
    list.append(...[...tiles].sort(orders[by] ?? ((a, b) => a.place - b.place)).map((entry) => entry.tile));
  }

  function changed() {
    performance.mark("filter-begin");
    apply();
    writeState([...new FormData(form)].map(([key, text]) => [key, String(text).trim()]));
    performance.measure("filter", "filter-begin");
  }

  readState(form);
  if (!checked("category").length && form.elements.category) find('input[name="category"][value=""]', form).checked = true;
  if (window.matchMedia("(max-width: 60rem)").matches) find("[data-filters-fold]").open = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  window.addEventListener("popstate", () => { readState(form); apply(); });
  apply();
}
