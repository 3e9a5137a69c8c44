// The generations that this host keeps: written beside them, because what was built before is no part of a build.
import { element, fetchJson, find, fromRegistry, fromRoot } from "./common.js";

const place = find("[data-history]");
const MOST = 60;

function versions(title, list) {
  if (!list.length) return null;
  const items = list.slice(0, MOST).map(([name, version]) => element("li", {}, element("a", { class: "mono", href: fromRoot(`package/${name}/#v${version}`) }, `${name} ${version}`)));
  const more = list.length > MOST ? element("p", { class: "fine" }, `and ${list.length - MOST} more`) : null;
  return element("div", {}, element("h4", {}, `${title}: ${list.length}`), element("ul", { class: "paths" }, ...items), more);
}

function generation(entry) {
  const { added, removed, changed } = entry;
  const parts = [versions("New", added), versions("Gone", removed), versions("Changed in place", changed)].filter(Boolean);
  const summary = entry.compared ? `${added.length} new, ${removed.length} gone, ${changed.length} changed in place` : "the first one that is kept";
  const title = element("h3", {}, element("span", { class: "mono" }, entry.id), entry.current ? element("span", { class: "badge good" }, "in use") : null);
  const about = element("p", {}, `${entry.packages} packages in ${entry.versions} versions: ${summary}.`);
  return element("li", { class: "card" }, title, about, parts.length ? element("details", {}, element("summary", {}, "What changed"), ...parts) : null);
}

/** A generation under the version of a stack, with a site of its own. */
function release(entry) {
  const setting = `xpack.fleet.registryUrl: "${fromRegistry(`release/${entry.name}`)}"`;
  const title = element("h3", {}, element("a", { href: fromRegistry(`release/${entry.name}/ui/`) }, `Release ${entry.name}`), entry.kibana ? element("span", { class: "badge" }, `only for Kibana ${entry.kibana}`) : null);
  const about = element("p", {}, `${entry.packages} packages in ${entry.versions} versions: generation `, element("span", { class: "mono" }, entry.generation), ".");
  const button = element("button", { type: "button", class: "copy", "data-copy": setting, "aria-label": `Copy the Kibana setting of release ${entry.name}` }, "Copy");
  return element("li", { class: "card" }, title, about, element("div", { class: "code-line" }, element("code", {}, setting), button));
}

const fold = find("[data-history-fold]");

/** Fetched when it is asked for: a host need not publish it. */
function load() {
  fetchJson("history.json").then(({ generations, releases }) => {
    const pinned = releases.length ? element("ul", { class: "history" }, ...releases.map(release)) : null;
    const kept = generations.length ? element("ol", { class: "history" }, ...generations.map(generation)) : element("p", { class: "empty-line" }, "There is no history yet.");
    place.replaceChildren(...[pinned, kept].filter(Boolean));
  }, () => {
    place.replaceChildren(element("p", { class: "empty-line" }, "This host does not publish the history of its generations. ", element("span", { class: "mono" }, "epr-build generations"), " prints it."));
  });
}

fold.addEventListener("toggle", () => fold.open && load(), { once: true });
if (location.hash === "#history") fold.open = true;
