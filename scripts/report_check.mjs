// Opens a sweep's report.html from disk in headless Chromium, wide and narrow, light and dark, and fails
// where it breaks its promises.
//
//   cd scripts && npm install --no-package-lock && cd ..
//   node scripts/report_check.mjs outputs/SWEEP/report.html [FOLDER FOR SCREENSHOTS]
//
// Chromium: the one that $CHROMIUM names, else chromium, chromium-browser or google-chrome on the path
// (Debian: apt-get install chromium). Exit code 0: all well; 1: a promise is broken; 77: Chromium or the
// npm packages cannot be had, so nothing was checked.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const skip = (why) => {
  console.log(`report check: not run: ${why}`);
  process.exit(77);
};

const [page, shots] = process.argv.slice(2);
if (!page || !existsSync(page)) {
  console.error("usage: node scripts/report_check.mjs REPORT.html [FOLDER]");
  process.exit(2);
}
const require = createRequire(import.meta.url);
let chromium, axe;
try {
  ({ chromium } = require("playwright-core"));
  axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
} catch {
  skip("npm packages are missing; run `npm install --no-package-lock` in scripts/");
}
const onPath = (name) => {
  try {
    return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
};
const executablePath =
  process.env.CHROMIUM || ["chromium", "chromium-browser", "google-chrome"].map(onPath).find(Boolean);
if (!executablePath) skip("no Chromium on the path; Debian has it as the package chromium");

const url = pathToFileURL(resolve(page)).href;
if (shots) mkdirSync(shots, { recursive: true });
const faults = [];
let checks = 0;
const check = (good, what) => {
  checks += 1;
  if (!good) faults.push(what);
};

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] }).catch((error) => {
  skip(`Chromium does not start: ${error.message.split("\n")[0]}`);
});

const open = async (width, colorScheme, javaScriptEnabled = true) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme,
    javaScriptEnabled,
    // axe is put into the page by the debugger, which the page's own policy would forbid.
    bypassCSP: false,
  });
  const tab = await context.newPage();
  const where = `${width} px, ${colorScheme}${javaScriptEnabled ? "" : ", no script"}`;
  tab.on("console", (message) => faults.push(`${where}: console: ${message.text()}`));
  tab.on("pageerror", (error) => faults.push(`${where}: error: ${error.message}`));
  tab.on("request", (request) => {
    if (request.url() !== url) faults.push(`${where}: request of ${request.url()}`);
  });
  await tab.goto(url);
  return { context, tab, where };
};

const layout = async (tab, where) => {
  const [wide, room] = await tab.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  check(wide <= room, `${where}: the page is ${wide} px wide in ${room} px`);
  const levels = await tab.$$eval("h1,h2,h3,h4", (all) => all.map((h) => Number(h.tagName[1])));
  check(levels[0] === 1 && levels.filter((l) => l === 1).length === 1, `${where}: not one h1`);
  check(
    levels.every((level, i) => i === 0 || level <= levels[i - 1] + 1),
    `${where}: headings skip a level: ${levels}`
  );
};

const sorting = async (tab, where) => {
  const tables = await tab.$$("table.sortable:visible, table.sortable");
  for (const table of tables) {
    if (!(await table.isVisible())) continue;
    const columns = await table.$$("thead th");
    // The last column of numbers, where there is one.
    let column = 0;
    for (let i = 0; i < columns.length; i += 1) {
      const first = await table.$eval(`tbody tr td:nth-child(${i + 1})`, (td) => td.dataset.v).catch(() => undefined);
      if (first) column = i;
    }
    const values = () =>
      table.$$eval(
        "tbody tr",
        (rows, i) => rows.map((row) => row.cells[i].dataset.v ?? row.cells[i].textContent),
        column
      );
    const before = await values();
    const button = await columns[column].$("button");
    check(button !== null, `${where}: a heading has no button`);
    if (!button) continue;
    const numbers = before.every((v) => v === "" || !Number.isNaN(Number(v)));
    const expected = [...before].sort((a, b) => {
      if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
      return numbers ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
    });
    await button.click();
    check((await columns[column].getAttribute("aria-sort")) === "ascending", `${where}: aria-sort after a click`);
    check(JSON.stringify(await values()) === JSON.stringify(expected), `${where}: a click does not sort`);
    await button.focus();
    await tab.keyboard.press("Enter");
    check((await columns[column].getAttribute("aria-sort")) === "descending", `${where}: aria-sort after Enter`);
    const down = (await values()).filter((v) => v !== "");
    const up = expected.filter((v) => v !== "").reverse();
    check(
      numbers ? down.every((v, i) => Number(v) === Number(up[i])) : down.length === up.length,
      `${where}: Enter does not sort`
    );
    await tab.keyboard.press("Space");
    check(JSON.stringify(await values()) === JSON.stringify(before), `${where}: Space does not restore the order`);
  }
};

const tips = async (tab, where) => {
  const cards = await tab.$$(".card");
  const tip = tab.locator("#tip");
  check((await tip.count()) === 1, `${where}: the script did not run`);
  if ((await tip.count()) !== 1) return;
  for (const card of cards) {
    await card.scrollIntoViewIfNeeded();
    await card.focus();
    await tab.keyboard.press("Home");
    const first = await tip.textContent();
    check(await tip.isVisible(), `${where}: no value on focus of ${await card.getAttribute("aria-label")}`);
    await tab.keyboard.press("ArrowRight");
    check(await tip.isVisible(), `${where}: no value after an arrow key`);
    check(/\d/.test(first ?? ""), `${where}: the value says no number: ${first}`);
    await tab.keyboard.press("Home");
    const spot = await card.$eval(".ring", (ring) => {
      const box = ring.getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    });
    const sight = await tab.evaluate(() => window.innerHeight);
    check(spot.y >= 0 && spot.y <= sight, `${where}: the value reached by the keyboard is out of sight`);
    const box = await tip.boundingBox();
    const room = await tab.evaluate(() => document.documentElement.clientWidth);
    check(box && box.x >= 0 && box.x + box.width <= room, `${where}: a value stands outside the window`);
    await tab.keyboard.press("Escape");
    check(!(await tip.isVisible()), `${where}: Escape does not hide the value`);
    await tab.mouse.move(spot.x + 2, spot.y + 2);
    check(await tip.isVisible(), `${where}: no value under the pointer`);
    await tab.mouse.move(1, 1);
  }
  const told = (await tab.textContent("main")).includes("no run has finished");
  check(cards.length > 0 || told, `${where}: no figure`);
};

const access = async (tab, where) => {
  await tab.evaluate(axe);
  const found = await tab.evaluate(() => globalThis.axe.run(document));
  for (const fault of found.violations) {
    const line = `${where}: axe ${fault.impact}: ${fault.id}: ${fault.help} (${fault.nodes.length}: ${fault.nodes[0].target})`;
    if (["serious", "critical"].includes(fault.impact)) faults.push(line);
    else console.log(line);
  }
  checks += found.passes.length;
};

for (const [width, scheme] of [
  [1280, "light"],
  [1280, "dark"],
  [390, "light"],
  [390, "dark"],
]) {
  const { context, tab, where } = await open(width, scheme);
  await layout(tab, where);
  await tab.$$eval("details", (all) => all.forEach((one) => one.setAttribute("open", "")));
  await layout(tab, `${where}, details open`);
  await access(tab, where);
  await tab.$$eval("details", (all) => all.forEach((one) => one.removeAttribute("open")));
  if (shots) await tab.screenshot({ path: `${shots}/${width}-${scheme}.png`, fullPage: true });
  await sorting(tab, where);
  await tips(tab, where);
  if (shots) {
    const card = tab.locator(".card").first();
    if ((await card.count()) && (await tab.locator("#tip").count())) {
      await card.focus();
      await tab.keyboard.press("Home");
      await tab.keyboard.press("ArrowRight");
      await tab.screenshot({ path: `${shots}/${width}-${scheme}-value.png` });
    }
  }
  await tab.keyboard.press("Escape");
  await context.close();
}
// The phone of the smallest width that is still common.
{
  const { context, tab, where } = await open(360, "light");
  await layout(tab, where);
  await context.close();
}
// Without a script everything is there but sorting and values.
{
  const { context, tab, where } = await open(1280, "light", false);
  await layout(tab, where).catch(() => {});
  check((await tab.locator("table tbody tr").count()) > 0, `${where}: no tables`);
  const told = (await tab.textContent("main")).includes("no run has finished");
  check(told || (await tab.locator("figure svg").count()) > 0, `${where}: no figures`);
  check((await tab.locator("thead button").count()) === 0, `${where}: buttons that do nothing`);
  await context.close();
}
await browser.close();
for (const fault of faults) console.log(fault);
console.log(`report check: ${checks} checks, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
