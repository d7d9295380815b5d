// Draws the table beside it: the numbers are there without it.
"use strict";
(() => {
  const style = getComputedStyle(document.documentElement);
  const tone = (name) => style.getPropertyValue(name).trim() || "#888";
  const tones = { success: "--fgColor-success", danger: "--fgColor-danger", muted: "--fgColor-muted", accent: "--fgColor-accent", done: "--fgColor-done" };
  const draw = (holder) => {
    const table = document.getElementById(holder.dataset.table);
    const rows = [...table.tBodies[0].rows];
    const columns = holder.dataset.columns.split(",").map(Number);
    const colours = holder.dataset.tones.split(",");
    const heads = [...table.tHead.rows[0].cells];
    const x = rows.map((row) => Date.parse(row.cells[0].dataset.value + "T00:00:00Z") / 1000);
    const ys = columns.map((n) => rows.map((row) => Number(row.cells[n].dataset.value)));
    if (holder.dataset.stack !== undefined) for (let i = ys.length - 2; i >= 0; i -= 1) ys[i] = ys[i].map((y, k) => y + ys[i + 1][k]);
    const line = tone("--borderColor-muted"), text = tone("--fgColor-muted");
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px sans-serif" };
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", timeZone: "UTC" });
    holder.replaceChildren();
    new uPlot({
      width: holder.clientWidth, height: 200, legend: { show: true }, cursor: { y: false },
      tzDate: (ts) => new Date(ts * 1000 + new Date(ts * 1000).getTimezoneOffset() * 60000),
      scales: { x: { range: (_u, low, high) => [low - 43200, high + 43200] }, y: { range: (_u, _low, high) => [0, high || 1] } },
      axes: [{ ...axis, values: (_u, splits) => splits.map((s) => day.format(s * 1000)), space: 70 }, { ...axis, size: 56, values: (_u, splits) => splits.map((s) => (holder.dataset.prefix || "") + s) }],
      series: [{ label: heads[0].textContent, value: (_u, s) => (s == null ? "–" : day.format(s * 1000)) }, ...columns.map((n, i) => ({
        label: heads[n].textContent, stroke: tone(tones[colours[i]]), fill: tone(tones[colours[i]]) + (holder.dataset.stack !== undefined ? "" : "33"), width: 1,
        paths: uPlot.paths.bars({ size: [0.7, 40], radius: 0.1 }), points: { show: false }, value: (_u, _v, _s, k) => (k == null ? "–" : rows[k].cells[n].textContent),
      }))],
    }, [x, ...ys], holder);
  };
  const all = () => document.querySelectorAll("[data-table]").forEach(draw);
  all();
  let timer;
  addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(all, 200); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
})();
