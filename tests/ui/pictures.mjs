// Pictures for the README, of real packages: `node pictures.mjs http://127.0.0.1:8080 FOLDER [PACKAGE]`.
import { join } from "node:path";
import { withBrowser } from "./browser.mjs";

const [base, folder, shown = "mongodb"] = process.argv.slice(2);
const { versions } = await (await fetch(`${base}/ui/data/package/${shown}.json`)).json();
const [from, to] = versions.slice(-2).map(({ version }) => encodeURIComponent(version));
const PICTURES = [
  ["overview", "/ui/?kibana=8.17.3", {}],
  ["overview-dark", "/ui/?category=observability", { scheme: "dark" }],
  ["package", `/ui/package/${shown}/`, {}],
  ["matrix", "/ui/matrix/?kibana=8.17.3", {}],
  ["compare", `/ui/compare/?package=${shown}&from=${from}&to=${to}`, {}],
  ["distribution", "/ui/distribution/", {}],
  ["phone", "/ui/", { width: 390, height: 844 }],
  ["phone-package", `/ui/package/${shown}/`, { width: 390, height: 844 }],
];

await withBrowser(base, async (open) => {
  for (const [name, path, look] of PICTURES) {
    const tab = await open({ height: 860, ...look });
    await tab.go(path);
    await tab.page.waitForTimeout(300);
    await tab.page.screenshot({ path: join(folder, `${name}.png`) });
    await tab.close();
  }
});
