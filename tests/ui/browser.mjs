// A headless Chromium that reports everything a user would not see: messages, errors, and requests that leave the host.
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions",
];

/** Starts a browser, whose profile is its own, runs `use` with a way to open pages, and closes it whatever happens. */
export async function withBrowser(base, use) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  const open = (options) => openPage(browser, base, options);
  try {
    return await use(open, browser);
  } finally {
    await browser.close();
  }
}

async function openPage(browser, base, { width = 1280, height = 900, scheme = "light", script = true } = {}) {
  const context = await browser.newContext({ javaScriptEnabled: script, colorScheme: scheme, viewport: { width, height } });
  const page = await context.newPage();
  const troubles = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && troubles.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { troubles.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(base).origin && protocol !== "data:") troubles.push(`leaves the host: ${request.url()}`);
  });
  page.setDefaultTimeout(20_000);
  return {
    page,
    troubles,
    /** Goes to a path and waits until the page is at rest. */
    async go(path) {
      const response = await page.goto(base + path, { waitUntil: "load" });
      await page.waitForLoadState("networkidle");
      return response;
    },
    close: () => context.close(),
  };
}
