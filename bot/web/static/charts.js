// Draws the table beside it: the numbers are there without it.
"use strict";
(() => {
  const style = getComputedStyle(document.documentElement);
  const tone = (name) => style.getPropertyValue(name).trim() || "#888";
  const tones = { success: "--fgColor-success", danger: "--fgColor-danger", muted: "--fgColor-muted", accent: "--fgColor-accent", done: "--fgColor-done" };
  const draw = (holder) => {
    const table = document.getElementById(holder.dataset.table);
    const rows = [...table.tBodies[0].rows].reverse();
    const columns = holder.dataset.columns.split(",").map(Number);
    const colours = holder.dataset.tones.split(",");
    const heads = [...table.tHead.rows[0].cells];
    const x = rows.map((row) => Date.parse(row.cells[0].dataset.value + "T00:00:00Z") / 1000);
    const ys = columns.map((n) => rows.map((row) => Number(row.cells[n].dataset.value)));
    if (holder.dataset.stack !== undefined) for (let i = ys.length - 2; i >= 0; i -= 1) ys[i] = ys[i].map((y, k) => y + ys[i + 1][k]);
    ys.forEach((column) => column.forEach((y, k) => { if (y === 0) column[k] = null; }));
    const line = tone("--borderColor-muted"), text = tone("--fgColor-muted");
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px sans-serif" };
    const names = new Map(x.map((at, k) => [at, rows[k].cells[0].textContent]));
    const day = (at) => names.get(at) || "";
    const whole = holder.dataset.whole !== undefined ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] } : {};
    holder.replaceChildren();
    new uPlot({
      width: holder.clientWidth, height: 200, legend: { show: true }, cursor: { y: false },
      tzDate: (ts) => new Date(ts * 1000 + new Date(ts * 1000).getTimezoneOffset() * 60000),
      scales: { x: { range: (_u, low, high) => [low - 43200, high + 43200] }, y: { range: (_u, _low, high) => [0, high ? high * 1.05 : 1] } },
      axes: [{ ...axis, values: (_u, splits) => splits.map(day), space: 70, incrs: [1, 2, 5, 7, 14].map((n) => n * 86400) }, { ...axis, ...whole, size: 56, values: (_u, splits) => splits.map((s) => (holder.dataset.prefix || "") + s) }],
      series: [{ label: heads[0].textContent, value: (_u, s) => (s == null ? "–" : day(s)) }, ...columns.map((n, i) => ({
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
