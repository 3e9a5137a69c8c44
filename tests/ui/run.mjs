// Looks at the pages of a registry as people do: `node run.mjs http://127.0.0.1:8080 [check ...]`.
//
// Without names all checks run. A check throws where something is wrong; the exit code says whether any did.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";

const [base, ...wanted] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** More pages of packages than this are not opened: they are all made by the same templates. */
const MOST = Number(process.env.EPR_UI_PAGES ?? 40);

async function names() {
  return Object.keys(await (await fetch(`${base}/ui/data/versions.json`)).json());
}

/** The paths of all pages, found by following links from the first one. */
async function pages(open) {
  const tab = await open();
  const known = new Set(["/ui/"]);
  for (const path of known) {
    if ([...known].filter((each) => each.startsWith("/ui/package/")).length > MOST * 3) break;
    await tab.page.goto(base + path, { waitUntil: "domcontentloaded" });
    const links = await tab.page.$$eval("a[href]", (all) => all.map((link) => link.href));
    for (const link of links) {
      const { origin, pathname } = new URL(link);
      if (origin === new URL(base).origin && /^\/ui\/.*(?:\/|\.html)$/.test(pathname)) known.add(pathname);
    }
  }
  await tab.close();
  const isPackage = (path) => path.startsWith("/ui/package/");
  return [...[...known].filter((path) => !isPackage(path)), ...[...known].filter(isPackage).slice(0, MOST)];
}

const checks = {
  /** Every page opens without a message, an error, a violated policy or a request to another host. */
  async silence(open) {
    const paths = await pages(open);
    assert(paths.length >= 8, `only ${paths.length} pages`);
    const tab = await open();
    for (const path of paths) {
      const response = await tab.go(path);
      assert.equal(response.status(), 200, path);
      assert.match(response.headers()["content-security-policy"] ?? "", /^default-src 'none'/, path);
      assert.deepEqual(tab.troubles, [], path);
      assert.equal(await tab.page.evaluate(() => window.pwned), undefined, path);
      const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(wide <= 0, `${path} is ${wide} px too wide`);
    }
    return `${paths.length} pages`;
  },

  /** Search, filters, the address that holds them, and the empty state. */
  async overview(open) {
    const tab = await open();
    await tab.go("/ui/");
    const { page } = tab;
    const shown = () => page.locator(".tile:visible").count();
    const all = await shown();
    const name = await page.locator(".tile").first().getAttribute("data-name");
    await page.keyboard.press("/");
    await page.keyboard.type(name);
    const found = await shown();
    assert(found >= 1 && found < all, `${found} of ${all} for ${name}`);
    assert.equal(new URL(page.url()).searchParams.get("q"), name);
    await page.reload();
    assert.equal(await shown(), found, "the address holds the search");
    await page.fill("#q", "no package is called so");
    assert.equal(await shown(), 0);
    assert(await page.locator("[data-none]").isVisible());
    await page.locator("[data-none] button").click();
    await page.waitForFunction((count) => document.querySelectorAll(".tile:not([hidden])").length === count, all);
    const category = page.locator('input[name="category"]').nth(1);
    const count = Number(await page.locator(".branch .count").first().textContent());
    await category.check();
    assert.equal(await shown(), count, "the number beside a category is right");
    await tab.go("/ui/?kibana=8.17.3");
    await page.waitForFunction(() => document.querySelector("[data-kibana-note]").hidden);
    const gets = await page.$$eval(".tile:not([hidden])", (tiles) => tiles.map((tile) => [tile.dataset.name, tile.querySelector("[data-shown]").textContent]));
    assert.deepEqual(Object.fromEntries(gets), await asKibana("8.17.3"), "what a Kibana gets");
    await page.fill("#kibana", "eight");
    assert.match(await page.locator("[data-kibana-note]").textContent(), /no version/);
    assert.deepEqual(tab.troubles, []);
    return `${all} tiles`;
  },

  /** The table agrees with what the registry answers to Kibana. */
  async matrix(open) {
    const tab = await open();
    let compared = 0;
    for (const [version, prerelease] of [["8.17.3", false], ["8.11.0", false], ["8.5.1", false], ["9.1.0", true], ["7.17.0", false]]) {
      await tab.go(`/ui/matrix/?kibana=${version}${prerelease ? "&prerelease=1" : ""}`);
      await tab.page.waitForSelector("td.answer");
      const rows = await tab.page.$$eval("tbody tr", (all) => all.map((row) => [row.dataset.name, row.querySelector("td.answer").textContent]));
      const gets = Object.fromEntries(rows.filter(([, text]) => text !== "none"));
      assert.deepEqual(gets, await asKibana(version, prerelease), `Kibana ${version}`);
      compared += rows.length;
    }
    await tab.page.fill("#q", "no package is called so");
    assert(await tab.page.locator("[data-none]").isVisible());
    assert.deepEqual(tab.troubles, []);
    return `${compared} answers`;
  },

  /** Two versions beside each other: change log, manifest, files, and the address that holds the choice. */
  async compare(open) {
    const tab = await open();
    const versions = await (await fetch(`${base}/ui/data/versions.json`)).json();
    const [name, list] = Object.entries(versions).sort((a, b) => Object.keys(b[1]).length - Object.keys(a[1]).length)[0];
    assert(Object.keys(list).length > 1, "a package with two versions");
    await tab.go("/ui/compare/");
    const { page } = tab;
    await page.fill("#package", name);
    await page.waitForSelector("#files li");
    await page.waitForSelector("#manifest .diff .added");
    const data = await (await fetch(`${base}/ui/data/package/${name}.json`)).json();
    await page.selectOption("#from", data.versions[0].version);
    await page.waitForFunction((version) => new URLSearchParams(location.search).get("from") === version, data.versions[0].version);
    const address = page.url();
    await page.locator("#files details summary", { hasText: "manifest.yml" }).last().click();
    await page.waitForSelector("#files .diff .line");
    await page.goto(address);
    await page.waitForSelector("#files li");
    assert.equal(await page.inputValue("#from"), data.versions[0].version);
    await page.locator("[data-swap]").click();
    assert.equal(await page.inputValue("#to"), data.versions[0].version);
    await page.goto(`${base}/ui/compare/?package=nothing_is_called_so`);
    assert.match(await page.locator("[data-compare-result] h2").textContent(), /No such package/);
    assert.deepEqual(tab.troubles.filter((text) => !text.includes("404")), []);
    return name;
  },

  /** Everything that a pointer does, keys do, and what has the focus shows it. */
  async keyboard(open) {
    const tab = await open();
    const { page } = tab;
    await tab.go("/ui/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    const seen = new Set();
    for (let at = 0; at < 60; at += 1) {
      await page.keyboard.press("Tab");
      const [what, ring] = await page.evaluate(() => {
        const { activeElement: found } = document;
        const style = getComputedStyle(found);
        return [found.id || found.name || found.getAttribute("href") || found.textContent.trim(), style.outlineStyle !== "none" || found === document.body];
      });
      assert(ring, `no ring around ${what}`);
      seen.add(what);
    }
    for (const id of ["q", "kibana", "prerelease", "sort", "category"]) assert(seen.has(id), `${id} cannot be reached`);
    const linked = (await pages(open)).filter((path) => /^\/ui\/package\/[^/]+\/$/.test(path));
    for (const path of linked) {
      await tab.go(path);
      if (!(await page.locator("[data-shots] a").count())) continue;
      await page.locator("[data-shots] a").first().focus();
      await page.keyboard.press("Enter");
      assert(await page.locator("dialog[open]").isVisible());
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("dialog[open]").count(), 0);
      assert(await page.evaluate(() => document.activeElement.closest("[data-shots]") !== null), "the focus comes back");
      assert.deepEqual(tab.troubles, []);
      return `${seen.size} stops, viewer of ${path}`;
    }
    return `${seen.size} stops`;
  },

  /** Light and dark, by the system and by the switch, which is remembered. */
  async theme(open) {
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [light, dark] = [await open(), await open({ scheme: "dark" })];
    await light.go("/ui/");
    await dark.go("/ui/");
    const [day, night] = [await ground(light.page), await ground(dark.page)];
    assert.notEqual(day, night);
    await dark.page.locator("[data-theme-switch]").click();
    assert.equal(await ground(dark.page), day);
    await dark.go("/ui/matrix/");
    assert.equal(await ground(dark.page), day, "the choice is remembered");
    await dark.page.evaluate(() => localStorage.clear());
    return `${day} and ${night}`;
  },

  /** No serious finding of axe on any kind of page, light or dark, narrow or wide. */
  async accessibility(open) {
    const list = await names();
    const sample = list.slice(0, 8).map((name) => `/ui/package/${name}/`);
    const paths = ["/ui/", "/ui/matrix/?kibana=8.17.3", "/ui/compare/", `/ui/compare/?package=${list[0]}`, "/ui/distribution/", ...sample];
    for (const path of (await pages(open)).filter((each) => /\/(?:fields\/|docs\/.*)$/.test(each)).slice(0, 4)) paths.push(path);
    const counts = { serious: 0, moderate: 0, minor: 0, passes: 0 };
    const told = [];
    for (const look of [{}, { scheme: "dark" }, { width: 390, height: 844 }]) {
      const tab = await open(look);
      for (const path of paths) {
        await tab.go(path);
        await tab.page.evaluate(axeSource);
        const result = await tab.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        counts.passes += result.passes.length;
        for (const { id, impact, nodes } of result.violations) {
          counts[impact === "critical" ? "serious" : impact] += 1;
          told.push(`${impact} ${id} on ${path} ${JSON.stringify(look)}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary?.split("\n")[1] ?? ""}`);
        }
      }
      await tab.close();
    }
    for (const line of [...new Set(told)]) console.error(line);
    assert.equal(counts.serious, 0, "serious findings");
    return JSON.stringify(counts);
  },

  /** Without scripts everything can be read, and nothing is offered that does not work. */
  async scriptless(open) {
    const paths = await pages(open);
    const { page } = await open({ script: false });
    for (const path of paths.slice(0, 24)) {
      await page.goto(base + path, { waitUntil: "load" });
      assert((await page.locator("main").innerText()).length > 40, path);
      assert.equal(await page.locator("[data-script-only]:visible, [data-copy]:visible, [data-theme-switch]:visible").count(), 0, path);
    }
    await page.goto(`${base}/ui/`);
    const tiles = await page.locator(".tile:visible").count();
    await page.locator(".tile h3 a").first().click();
    await page.waitForURL(/\/ui\/package\//);
    assert(await page.locator("#versions table tbody tr").first().isVisible());
    return `${tiles} tiles`;
  },

  /** SVG and HTML files of packages that are opened by themselves run nothing. */
  async sandbox(open) {
    const tab = await open();
    let opened = 0;
    for (const path of (process.env.EPR_UI_HOSTILE ?? "").split(" ").filter(Boolean)) {
      const response = await tab.page.goto(base + path);
      assert.equal(response.status(), 200, path);
      assert.match(response.headers()["content-security-policy"] ?? "", /sandbox/, path);
      assert.equal(response.headers()["x-content-type-options"], "nosniff", path);
      const marks = await tab.page.evaluate(() => [window.pwned, document.documentElement.getAttribute("data-pwned")]);
      assert.deepEqual(marks, [undefined, null], path);
      opened += 1;
    }
    return `${opened} files`;
  },
};

/** What the registry answers to a Kibana of this version, asked as that Kibana asks. */
async function asKibana(version, prerelease = false) {
  const [major, minor] = version.split(".").map(Number);
  const query = new URLSearchParams({ "kibana.version": version });
  if (major < 8 || (major === 8 && minor < 6)) query.set("experimental", "true");
  else if (major === 8 && minor >= 11) query.set("spec.max", minor < 16 ? "3.0" : minor < 19 ? "3.3" : "3.4");
  else if (major === 9) {
    query.set("spec.min", "2.3");
    query.set("spec.max", minor < 1 ? "3.3" : minor < 2 ? "3.4" : minor < 4 ? "3.5" : "3.6");
  }
  query.set("prerelease", String(prerelease));
  const found = await (await fetch(`${base}/search?${query}`)).json();
  return Object.fromEntries(found.map((item) => [item.name, item.version]));
}

let failed = 0;
for (const [name, check] of Object.entries(checks).filter(([each]) => !wanted.length || wanted.includes(each))) {
  const begin = Date.now();
  try {
    const told = await withBrowser(base, check);
    console.log(`ok ${name} (${told ?? ""}; ${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
