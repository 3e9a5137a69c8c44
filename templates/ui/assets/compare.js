// Two versions of a package beside each other: change log, what decides about installing, manifest, files.
import { element, fetchJson, find, fromRegistry, fromRoot, writeState } from "./common.js";
import { diffLines, withContext } from "./diff.js";

const form = find("[data-compare-form]");
const result = find("[data-compare-result]");
const { package: nameInput, from, to } = form.elements;
const swap = find("[data-swap]");
/** What a text file is: other files are compared by digest only. */
const TEXT = /\.(?:yml|yaml|json|md|hbs|txt|svg|csv|xml|ndjson)$|(?:^|\/)[^.]+$/i;
let current = null;

const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const segment = (text) => encodeURIComponent(text).replaceAll("%2B", "+");
const fileAddress = (version, path) => fromRegistry(`package/${current.name}/${segment(version)}/${path.split("/").map(segment).join("/")}`);

function message(title, text) {
  result.replaceChildren(element("div", { class: "empty" }, element("h2", {}, title), element("p", {}, text)));
}

/** The files of a version: those of the ones before, changed by each in turn. */
function filesAt(version) {
  const files = new Map();
  for (const line of current.versions) {
    for (const [path, digest, bytes] of line.put) files.set(path, { digest, bytes });
    for (const path of line.gone) files.delete(path);
    if (line.version === version) break;
  }
  return files;
}

function section(id, title, ...content) {
  return element("section", { id, "aria-labelledby": `${id}-title` }, element("h2", { id: `${id}-title` }, title), ...content);
}

/** The change log entries of the versions after the earlier one, up to the later one. */
function changelog(earlier, later) {
  const order = current.changelog.map((release) => release.version);
  const first = order.indexOf(later.version);
  const end = order.indexOf(earlier.version);
  const releases = first < 0 ? [] : current.changelog.slice(first, end < 0 ? undefined : end);
  if (!releases.length) return element("p", { class: "empty-line" }, "The change log says nothing about these versions.");
  const list = element("ol", { class: "releases" });
  for (const release of releases) {
    const changes = release.changes.map((change) => {
      const known = ["enhancement", "bugfix", "breaking-change", "deprecation"].includes(change.kind) ? change.kind : "other";
      const link = change.link ? element("a", { class: "out", href: change.link, rel: "noopener noreferrer" }, "link", element("span", { class: "visually-hidden" }, ` about this change in ${release.version}`)) : null;
      return element("li", {}, element("span", { class: `kind kind-${known}` }, change.kind || "change"), " ", element("span", { class: "what" }, change.description, " ", link));
    });
    list.append(element("li", {}, element("h3", { class: "release" }, element("span", { class: "mono" }, release.version)), element("ul", { class: "changes" }, ...changes)));
  }
  return list;
}

function facts(earlier, later) {
  const rows = [["Kibana", "kibana", "any"], ["Elastic Agent", "agent", "any"], ["Format", "format", ""], ["Layer", "layer", ""], ["Archive", "size", ""], ["Signed", "signed", ""]];
  const show = (line, key, none) => (key === "size" ? size(line[key]) : key === "signed" ? (line[key] ? "yes" : "no") : line[key] ?? none);
  const body = rows.map(([title, key, none]) => {
    const [a, b] = [show(earlier, key, none), show(later, key, none)];
    return element("tr", a === b ? {} : { class: "here" }, element("th", { scope: "row" }, title), element("td", { class: "mono" }, a), element("td", { class: "mono" }, b));
  });
  const head = element("tr", {}, element("td", {}), element("th", { scope: "col", class: "mono" }, earlier.version), element("th", { scope: "col", class: "mono" }, later.version));
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Conditions" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function lines(before, after) {
  const found = withContext(diffLines(before, after));
  if (found.every((line) => line === null)) return element("p", { class: "empty-line" }, "No difference.");
  const names = { "+": "added", "-": "removed", " ": "same" };
  const body = found.map((line) => (line === null
    ? element("span", { class: "line gap" }, "⋯\n")
    : element("span", { class: `line ${names[line[0]]}` }, `${line[0]} ${line[1]}\n`)));
  return element("pre", { class: "diff", tabindex: "0" }, ...body);
}

async function text(version, path, exists) {
  if (!exists) return "";
  const response = await fetch(fileAddress(version, path));
  if (!response.ok) throw new Error(String(response.status));
  return response.text();
}

/** A file whose difference is fetched when it is opened. */
function file(path, a, b, earlier, later) {
  const [sign, word] = !a ? ["+", "added"] : !b ? ["−", "removed"] : ["±", "changed"];
  const sizes = a && b ? `${size(a.bytes)} → ${size(b.bytes)}` : size((a ?? b).bytes);
  const label = [element("span", { class: `sign ${word}`, title: word }, sign), element("span", { class: "visually-hidden" }, word), " ", element("span", { class: "mono path" }, path), " ", element("span", { class: "weak" }, sizes)];
  if (!TEXT.test(path) || Math.max(a?.bytes ?? 0, b?.bytes ?? 0) > 1e6) {
    const links = [[a, earlier], [b, later]].filter(([there]) => there).map(([, version]) => element("a", { href: fileAddress(version, path), class: "mono" }, version));
    return element("li", {}, ...label, " ", ...links.flatMap((link) => [link, " "]));
  }
  const content = element("div", {});
  const details = element("details", {}, element("summary", {}, ...label), content);
  details.addEventListener("toggle", async () => {
    if (!details.open || content.childElementCount) return;
    content.append(element("p", { class: "weak" }, "Loading…"));
    try {
      content.replaceChildren(lines(await text(earlier, path, a), await text(later, path, b)));
    } catch {
      content.replaceChildren(element("p", { class: "note bad" }, "This file could not be loaded from the host."));
    }
  });
  return element("li", {}, details);
}

function files(earlier, later) {
  const [before, after] = [filesAt(earlier), filesAt(later)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  const changed = paths.filter((path) => before.get(path)?.digest !== after.get(path)?.digest);
  const count = (test) => changed.filter((path) => test(before.get(path), after.get(path))).length;
  const summary = `${count((a) => !a)} added, ${count((a, b) => a && b)} changed, ${count((a, b) => !b)} removed, ${paths.length - changed.length} the same`;
  const list = changed.map((path) => file(path, before.get(path), after.get(path), earlier, later));
  return [element("p", { class: "lead" }, summary), list.length ? element("ul", { class: "files" }, ...list) : element("p", { class: "empty-line" }, "All files are the same.")];
}

async function show() {
  const find = (version) => current.versions.find((line) => line.version === version);
  const [earlier, later] = [find(from.value), find(to.value)];
  if (!earlier || !later) return;
  writeState([["package", current.name], ["from", earlier.version], ["to", later.version]]);
  document.title = `${current.title}: ${earlier.version} to ${later.version}`;
  if (earlier === later) return message("Both are the same version", "Choose another one to compare with.");
  const title = element("p", { class: "lead" }, element("a", { href: fromRoot(`package/${current.name}/`) }, current.title), " ", element("span", { class: "chip mono" }, earlier.version), " to ", element("span", { class: "chip mono" }, later.version));
  const manifest = element("div", {}, element("p", { class: "weak" }, "Loading…"));
  result.replaceChildren(title,
    section("log", "Change log", changelog(earlier, later)),
    section("conditions", "Conditions", facts(earlier, later)),
    section("manifest", "Manifest", manifest),
    section("files", "Files", ...files(earlier.version, later.version)));
  try {
    manifest.replaceChildren(lines(await text(earlier.version, "manifest.yml", true), await text(later.version, "manifest.yml", true)));
  } catch {
    manifest.replaceChildren(element("p", { class: "note bad" }, "The manifests could not be loaded from the host."));
  }
}

function choose(select, versions, wanted) {
  select.replaceChildren(...versions.map((version) => element("option", { value: version }, version)));
  select.disabled = false;
  if (versions.includes(wanted)) select.value = wanted;
}

async function load(name, wantedFrom, wantedTo) {
  if (!/^[a-z0-9_]+$/.test(name)) return;
  try {
    current = await fetchJson(`data/package/${name}.json`);
  } catch {
    current = null;
    return message("No such package", `This distribution has no package “${name}”, or its versions could not be loaded.`);
  }
  const versions = current.versions.map((line) => line.version).reverse();
  choose(from, versions, wantedFrom ?? versions[1] ?? versions[0]);
  choose(to, versions, wantedTo ?? versions[0]);
  swap.disabled = false;
  if (versions.length < 2) return message("There is only one version", `${current.title} has nothing to compare ${versions[0]} with.`);
  await show();
}

const query = new URLSearchParams(location.search);
nameInput.value = query.get("package") ?? "";
if (nameInput.value) load(nameInput.value, query.get("from"), query.get("to"));
else message("Choose a package", "Then two of its versions. Pages of packages link here, too.");
// Leaving the field is a change, too, but not another choice.
nameInput.addEventListener("change", () => nameInput.value.trim() !== current?.name && load(nameInput.value.trim()));
nameInput.addEventListener("input", () => {
  if ([...find("#packages").options].some((option) => option.value === nameInput.value)) load(nameInput.value);
});
for (const select of [from, to]) select.addEventListener("change", show);
swap.addEventListener("click", () => { [from.value, to.value] = [to.value, from.value]; show(); });
form.addEventListener("submit", (event) => event.preventDefault());
