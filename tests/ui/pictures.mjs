// Pictures for the README: `node pictures.mjs http://127.0.0.1:8080 FOLDER` against the sample packages.
import { join } from "node:path";
import { withBrowser } from "./browser.mjs";

const [base, folder] = process.argv.slice(2);
const PICTURES = [
  ["overview", "/ui/?kibana=8.17.3", {}],
  ["overview-dark", "/ui/?category=observability", { scheme: "dark" }],
  ["package", "/ui/package/acme_access/", {}],
  ["matrix", "/ui/matrix/?kibana=8.17.3", {}],
  ["compare", "/ui/compare/?package=acme_firewall&from=1.0.0&to=2.0.0", {}],
  ["distribution", "/ui/distribution/", {}],
  ["phone", "/ui/", { width: 390, height: 844 }],
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
