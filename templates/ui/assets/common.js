// What all pages share: theme, copying, broken pictures, and the state that an address holds.

/** The first element that fits, or null. */
export const find = (selector, within = document) => within.querySelector(selector);
/** All elements that fit, as a list. */
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** Makes an element. Texts are texts, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The address of something below `/ui/`. */
export const fromRoot = (path) => new URL(document.body.dataset.root + path, location.href).href;
/** The address of something in the registry. */
export const fromRegistry = (path) => new URL(document.body.dataset.registry + path, location.href).href;

/** Fetches JSON from this host. */
export async function fetchJson(path) {
  const response = await fetch(fromRoot(path));
  if (!response.ok) throw new Error(`${response.status} for ${path}`);
  return response.json();
}

/** Puts the values of a form into the address, leaving out what is empty, so that every state has a link. */
export function writeState(values) {
  const query = new URLSearchParams();
  for (const [key, value] of values) if (value) query.append(key, value);
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

/** Puts the state of the address into the controls of a form. */
export function readState(form) {
  const query = new URLSearchParams(location.search);
  for (const control of form.elements) {
    if (!control.name) continue;
    const values = query.getAll(control.name);
    if (control.type === "checkbox") control.checked = values.includes(control.value);
    else if (control.type === "radio") control.checked = (values[0] ?? "") === control.value;
    else if (control.tagName === "SELECT") {
      if ([...control.options].some((option) => option.value === values[0])) control.value = values[0];
    } else control.value = values[0] ?? "";
  }
}

/** Reads `8.17.3`, `8.17` or `v8.17.3-SNAPSHOT` as numbers; null if it is no version. */
export function readVersion(text) {
  const found = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(-[0-9A-Za-z.-]+)?$/.exec(text.trim());
  if (!found) return null;
  return { numbers: [Number(found[1]), Number(found[2] ?? 0), Number(found[3] ?? 0)], suffix: found[4] ?? "" };
}

const isUpTo = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

/** What a Kibana gets, given the runs of a package in ascending order. */
export function versionAt(runs, numbers) {
  let version = null;
  for (const [from, gets] of runs) {
    if (isUpTo(from.split(".").map(Number), numbers) > 0) break;
    version = gets;
  }
  return version;
}

let toastTimer;
/** Says something for a moment, to screen readers too. */
export function say(text) {
  const toast = find("[data-toast]");
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("shown"), 2400);
}

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  // Plain HTTP has no clipboard; a selection can be copied all the same.
  const area = element("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("copying is not allowed here");
}

function startTheme() {
  const button = find("[data-theme-switch]");
  const themes = ["system", "light", "dark"];
  const show = () => {
    const theme = document.documentElement.dataset.theme ?? "system";
    find(".theme-label", button).textContent = `Theme: ${theme}`;
    return theme;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(show()) + 1) % themes.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // It then holds for this page only.
    }
    show();
  });
  show();
}

function replaceBroken(picture) {
  const icon = picture.closest(".icon");
  if (!icon) return;
  const title = picture.closest("li, header")?.querySelector("h1, h3")?.textContent.trim() ?? "";
  icon.dataset.letter = "";
  icon.textContent = title.slice(0, 1).toUpperCase();
}

startTheme();
for (const button of all("[data-copy]")) button.hidden = false;
for (const part of all("[data-script-only]")) part.hidden = false;
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  copy(button.dataset.copy).then(() => say("Copied"), () => say("Copying is not allowed here: select the text instead"));
});
document.addEventListener("error", (event) => event.target.tagName === "IMG" && replaceBroken(event.target), true);
for (const picture of all(".icon img")) if (picture.complete && !picture.naturalWidth && picture.src) replaceBroken(picture);
// A slash leads to the search, as in many catalogs.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const search = find("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});
