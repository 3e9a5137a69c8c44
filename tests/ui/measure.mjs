// Figures of the pages: `node measure.mjs http://127.0.0.1:8080 [package]` prints what each page weighs on the wire, when it
// is first painted, and how long a change of the filters takes.
import { withBrowser } from "./browser.mjs";

const [base, name] = process.argv.slice(2);
const list = Object.keys(await (await fetch(`${base}/ui/data/versions.json`)).json());
const shown = name ?? list[0];

/** Loads a page with an empty cache. */
async function load(open, path) {
  const tab = await open();
  const network = await tab.page.context().newCDPSession(tab.page);
  await network.send("Network.enable");
  const sizes = { document: 0, rest: 0, pictures: 0 };
  const kinds = new Map();
  network.on("Network.responseReceived", ({ requestId, type }) => kinds.set(requestId, type));
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    sizes[kind === "Document" ? "document" : kind === "Image" ? "pictures" : "rest"] += encodedDataLength;
  });
  await tab.go(path);
  const times = await tab.page.evaluate(() => {
    const paint = performance.getEntriesByType("paint").find((entry) => entry.name === "first-contentful-paint");
    const [navigation] = performance.getEntriesByType("navigation");
    return { paint: paint?.startTime ?? NaN, ready: navigation.domContentLoadedEventEnd, nodes: document.getElementsByTagName("*").length };
  });
  return { tab, sizes, times };
}

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
await withBrowser(base, async (open) => {
  await (await load(open, "/ui/")).tab.close();
  for (const path of ["/ui/", `/ui/package/${shown}/`, "/ui/matrix/", "/ui/matrix/?kibana=8.17.3", "/ui/compare/", "/ui/distribution/"]) {
    const { tab, sizes, times } = await load(open, path);
    console.log(`${path}: page ${kb(sizes.document)}, style, scripts and data ${kb(sizes.rest)}, pictures ${kb(sizes.pictures)}; first paint ${times.paint.toFixed(0)} ms, ready ${times.ready.toFixed(0)} ms, ${times.nodes} elements`);
    await tab.close();
  }
  const { tab } = await load(open, "/ui/?kibana=8.17.3");
  const spent = await tab.page.evaluate(async () => {
    const form = document.querySelector("[data-filters]");
    const times = [];
    const change = (field, value) => {
      const begin = performance.now();
      if (field.type === "radio") field.checked = true;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      // Asking for a size makes the browser lay everything out now.
      document.body.getBoundingClientRect();
      times.push(performance.now() - begin);
    };
    for (const text of ["a", "ac", "access", "", "log", "l", "", "xyz", ""]) change(form.elements.q, text);
    for (const text of ["8.11.0", "9.1.0", "7.17.0", ""]) change(form.elements.kibana, text);
    for (const radio of form.querySelectorAll('input[name="category"]')) change(radio);
    return times;
  });
  spent.sort((a, b) => a - b);
  console.log(`filtering, layout included: median ${spent[spent.length >> 1].toFixed(1)} ms, slowest ${spent.at(-1).toFixed(1)} ms of ${spent.length} changes`);
});
