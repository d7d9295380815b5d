// Makes static/vendor from npm packages; run after a template uses a new class or icon:
//   npm i @primer/css@21.5.1 @primer/primitives@10 @primer/octicons@19 htmx.org@2 htmx-ext-sse@2 uplot@1 purgecss@7
//   node --input-type=module --eval "$(cat bot/web/vendor.mjs)"     (in the folder of node_modules, WEB=path/to/bot/web)
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { PurgeCSS } from "purgecss";

const require = createRequire(process.cwd() + "/");
const web = process.env.WEB;
const vendor = `${web}/static/vendor`;
const npm = (path) => readFileSync(`node_modules/${path}`, "utf8");
const sources = ["templates", "pages", "static"].flatMap((folder) => readdirSync(`${web}/${folder}`).filter((name) => /\.(html|py|js)$/.test(name)).map((name) => `${web}/${folder}/${name}`));
mkdirSync(vendor, { recursive: true });

// Primer CSS without marketing, and of its colour modes light and dark alone.
const core = ["primitives", "core", "product", "markdown"].map((name) => npm(`@primer/css/dist/${name}.css`)).join("\n");
const theme = (name) => npm(`@primer/primitives/dist/css/functional/themes/${name}.css`);
const own = readFileSync(`${web}/static/app.css`, "utf8");
const [purged] = await new PurgeCSS().purge({
  content: sources, css: [{ raw: core }], variables: false, keyframes: true,
  safelist: { standard: ["html", "body", "octicon", /^flash-/, /^Label--/, /^color-fg-/, /^markdown-body$/], deep: [/^markdown-body$/] },
});
const used = new Set([...(purged.css + own + readFileSync(`${web}/static/charts.js`, "utf8")).matchAll(/--[A-Za-z][\w-]*/g)].map((m) => m[0]));
const declared = (css) => new Map([...css.matchAll(/(--[A-Za-z][\w-]*):\s*([^;}]+)[;}]/g)].map((m) => [m[1], m[2].replace(/\/\*.*?\*\//gs, "").trim()]));
const light = declared(theme("light")), dark = declared(theme("dark"));
const close = (names, values) => { for (const name of names) for (const m of (values.get(name) || "").matchAll(/--[A-Za-z][\w-]*/g)) names.add(m[0]); };
close(used, light); close(used, dark);
const block = (values) => [...values].filter(([name]) => used.has(name)).map(([name, value]) => `${name}:${value}`).join(";");
const themes = `:root{${block(light)};color-scheme:light}@media (prefers-color-scheme:dark){:root{${block(dark)};color-scheme:dark}}`;
const minified = purged.css.replace(/\/\*.*?\*\//gs, "").replace(/\s+/g, " ").replace(/\s*([{};,>])\s*/g, "$1");
writeFileSync(`${vendor}/primer.css`, `/* Primer CSS and Primer Primitives, (c) GitHub, MIT: see LICENSES. Trimmed by vendor.mjs. */\n${themes}\n${minified}\n`);

const octicons = require("@primer/octicons");
const text = sources.map((path) => readFileSync(path, "utf8")).join("\n");
const names = Object.keys(octicons).filter((name) => new RegExp(`["']${name}["']`).test(text)).sort();
writeFileSync(`${vendor}/octicons.json`, JSON.stringify(Object.fromEntries(names.map((name) => [name, octicons[name].heights[16].path])), null, 0) + "\n");

for (const [from, to] of [["htmx.org/dist/htmx.min.js", "htmx.min.js"], ["htmx-ext-sse/sse.js", "sse.js"], ["uplot/dist/uPlot.iife.min.js", "uplot.min.js"], ["uplot/dist/uPlot.min.css", "uplot.css"]]) writeFileSync(`${vendor}/${to}`, npm(from));
const licences = ["@primer/css", "@primer/primitives", "@primer/octicons", "htmx.org", "htmx-ext-sse", "uplot"];
writeFileSync(`${vendor}/LICENSES`, licences.map((name) => `${name} ${JSON.parse(npm(`${name}/package.json`)).version}\n${"=".repeat(72)}\n${npm(`${name}/LICENSE`).trim()}\n`).join("\n\n"));
console.log(names.length, "icons;", purged.css.length, "bytes of rules");
