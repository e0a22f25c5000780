// Lays the panels out on Grafana's grid (24 columns, 38 pixels a row) and draws each with the data that is in the page.
(() => {
  const ROW = 38, COLUMNS = 24;
  const [VALUE, NO_DATA] = document.documentElement.lang === "zh" ? ["值", "没有数据"] : ["value", "no data"];
  const COLOURS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a", "#447ebc", "#c15c17"];
  const NAMED = { green: "#73bf69", yellow: "#f2cc0c", orange: "#ff9830", red: "#f2495c", blue: "#5794f2", purple: "#b877d9", text: "#ccccdc", "super-light-blue": "#c0d8ff" };
  const short = (v) => { const a = Math.abs(v); for (const [n, s] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (a >= n) return +(v / n).toPrecision(3) + s; return String(+v.toPrecision(3)); };
  const seconds = (v) => { const a = Math.abs(v); if (a < 1) return +(v * 1e3).toPrecision(3) + " ms"; for (const [n, s] of [[86400, " d"], [3600, " h"], [60, " min"]]) if (a >= n) return +(v / n).toPrecision(3) + s; return +v.toPrecision(3) + " s"; };
  const bytes = (v) => { const a = Math.abs(v); for (const [n, s] of [[2 ** 40, " TiB"], [2 ** 30, " GiB"], [2 ** 20, " MiB"], [1024, " KiB"]]) if (a >= n) return +(v / n).toPrecision(3) + s; return +v.toPrecision(3) + " B"; };
  const SHOW = { seconds, bytes, ratio: (v) => +(v * 100).toPrecision(3) + " %", "bytes/s": (v) => bytes(v) + "/s", timestamp: (v) => new Date(v * (v > 1e11 ? 1 : 1e3)).toISOString().slice(5, 16), milliseconds: (v) => seconds(v / 1e3) };
  const shown = (unit) => SHOW[unit] || ((v) => short(v) + (unit.includes("/s") ? "/s" : ""));
  const last = (values) => { for (let n = values.length - 1; n >= 0; n--) if (values[n] !== null) return values[n]; return null; };
  const make = (parent, tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; parent.append(e); return e; };
  const colour = (steps, value) => { let c = "green"; for (const [at, name] of steps) if (at === null || value >= at) c = name; return NAMED[c] || c; };
  const state = (p, v) => p.states.find(([value]) => Number(value) === v);

  function lines(box, p, w, h) {
    const xs = p.series[0].values.map((_, n) => p.start + n * p.step);
    const data = [xs, ...p.series.map((s) => s.values)];
    const limits = p.steps.filter(([at]) => at !== null);
    const hooks = { draw: [(u) => limits.forEach(([at, name]) => {
      const y = u.valToPos(at, "y", true); if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) return;
      u.ctx.save(); u.ctx.strokeStyle = NAMED[name] || name; u.ctx.setLineDash([6, 4]); u.ctx.beginPath(); u.ctx.moveTo(u.bbox.left, y); u.ctx.lineTo(u.bbox.left + u.bbox.width, y); u.ctx.stroke(); u.ctx.restore();
    })] };
    const axis = { stroke: "#8e8e9c", grid: { stroke: "#24262c", width: 1 }, ticks: { stroke: "#24262c" }, font: "11px sans-serif" };
    new uPlot({ width: w - 4, height: h - 66, legend: { show: false }, cursor: { show: false }, hooks,
      scales: { y: { range: (u, lo, hi) => { const all = [lo, hi, ...limits.map(([at]) => at).filter((at) => Math.abs(at) < 20 * Math.max(Math.abs(hi), 1e-9))]; const a = Math.min(...all), b = Math.max(...all), pad = (b - a || Math.abs(b) || 1) * 0.08; return [a >= 0 ? Math.max(0, a - pad) : a - pad, b + pad]; } } },
      axes: [axis, { ...axis, size: 62, values: (u, vs) => vs.map(shown(p.unit)) }],
      series: [{}, ...p.series.map((s, n) => ({ stroke: COLOURS[n % COLOURS.length], width: 1.3, fill: p.stacked ? COLOURS[n % COLOURS.length] + "22" : undefined, points: { show: false } }))] }, data, box);
    const legend = make(box, "div", undefined, "legend");
    p.series.forEach((s, n) => { const e = make(legend, "span"); make(e, "i").style.background = COLOURS[n % COLOURS.length]; e.append(s.name || VALUE); });
    if (p.more) make(legend, "span", "+" + p.more);
  }
  function stats(box, p, w, h) {
    const inner = make(box, "div", undefined, "stat"), few = p.series.slice(0, w > 300 ? 6 : 3);
    few.forEach((s) => { const v = last(s.values), known = v !== null && state(p, v); const e = make(inner, "div"); const text = known ? known[1] : v === null ? "-" : shown(p.unit)(v), b = make(e, "b", text);
      b.style.color = known ? NAMED[known[2]] || known[2] : colour(p.steps, v); b.style.fontSize = Math.max(14, Math.min(h / 3.2, w / few.length / 5, (1.4 * w) / few.length / Math.max(1, text.length))) + "px"; if (p.series.length > 1 || s.name) make(e, "span", s.name || VALUE); });
  }
  function bars(box, p) {
    const inner = make(box, "div", undefined, "bars"), most = Math.max(...p.series.map((s) => last(s.values) || 0), 1e-12);
    p.series.forEach((s) => { const v = last(s.values) || 0, e = make(inner, "div"); make(e, "span", s.name || VALUE); const i = make(make(e, "span"), "i"); i.style.width = (100 * v) / most + "%"; i.style.background = colour(p.steps, v); make(e, "span", shown(p.unit)(v)); });
  }
  function table(box, p) {
    const names = [...new Set(p.series.flatMap((s) => Object.keys(s.labels)))].filter((n) => n !== "job"), t = make(box, "table"), head = make(t, "tr");
    names.forEach((n) => make(head, "th", n)); make(head, "th", VALUE);
    p.series.forEach((s) => { const r = make(t, "tr"); names.forEach((n) => make(r, "td", s.labels[n] || "")); const v = last(s.values); make(r, "td", v === null ? "-" : shown(p.unit)(v)); });
  }
  function states(box, p, w) {
    const inner = make(box, "div", undefined, "states");
    p.series.forEach((s) => { const e = make(inner, "div"); make(e, "span", s.name); const c = make(e, "canvas"); c.width = w; c.height = 14; const g = c.getContext("2d"), step = c.width / s.values.length;
      s.values.forEach((v, n) => { if (v === null) return; const known = state(p, v); g.fillStyle = known ? NAMED[known[2]] || known[2] : "#5794f2"; g.fillRect(n * step, 0, step + 1, 14); }); });
  }
  function heat(box, p, w, h) {
    const c = make(box, "canvas"); c.width = w - 16; c.height = h - 40; c.style.margin = "4px 8px"; const g = c.getContext("2d");
    const rows = [...p.series].sort((a, b) => Number(a.labels.le) - Number(b.labels.le)), cells = rows.map((s, n) => s.values.map((v, at) => Math.max(0, (v || 0) - (n ? rows[n - 1].values[at] || 0 : 0))));
    const most = Math.max(...cells.flat(), 1e-12), x = c.width / cells[0].length, y = c.height / cells.length;
    cells.forEach((row, n) => row.forEach((v, at) => { if (!v) return; g.fillStyle = `rgba(255,152,48,${0.1 + 0.9 * Math.sqrt(v / most)})`; g.fillRect(at * x, c.height - (n + 1) * y, x - 0.5, y - 0.5); }));
  }
  const DRAW = { series: lines, stat: stats, bars, table, states, heatmap: heat };
  const board = document.getElementById("board"), width = board.clientWidth / COLUMNS;
  let bottom = 0;
  JSON.parse(document.getElementById("data").textContent).forEach((p) => {
    if (p.row !== undefined) { const r = make(board, "div", p.row, "row"); r.style.top = p.y * ROW + "px"; bottom = Math.max(bottom, p.y + 1); return; }
    const box = make(board, "section", undefined, "panel"), w = p.w * width - 6, h = p.h * ROW - 6;
    Object.assign(box.style, { left: p.x * width + "px", top: p.y * ROW + "px", width: w + "px", height: h + "px" });
    make(box, "h2", p.title).title = p.description;
    if (p.series.length) DRAW[p.kind](box, p, w, h); else make(box, "div", NO_DATA, "empty");
    bottom = Math.max(bottom, p.y + p.h);
  });
  board.style.height = bottom * ROW + 20 + "px";
  document.body.dataset.drawn = "1";
})();
