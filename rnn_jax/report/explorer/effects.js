// When units matter: by the window exchanged, and by the window read.
function whenOf(question) {
  const found = question.when;
  if (found && !found.byUnit) {
    found.byUnit = halves(found.by_unit);
    found.byRead = halves(found.by_read);
  }
  return found;
}

// Units by the window in which they do most.
function whenUnits(found) {
  const V = found.windows.length;
  const M = found.units.length;
  const at = (v, k) => found.byUnit[(state.d * V + v) * M + k];
  const best = range(M).map(k => range(V).reduce((a, v) => (Math.abs(at(v, k)) > Math.abs(at(a, k)) ? v : a), 0));
  return { at, rows: range(M).sort((a, b) => best[a] - best[b] || a - b) };
}

function drawWhen() {
  const q = state.tab;
  const found = whenOf(now());
  $("whensection").hidden = !found || !found.units.length;
  if ($("whensection").hidden) return;
  const { at, rows } = whenUnits(found);
  const start = startOf(q);
  const p = timePanel("when", q, 66 + Math.max(9, Math.min(18, 620 / rows.length)) * rows.length);
  const h = p.place.h / rows.length;
  asking(p);
  const skip = Math.ceil(12 / h);
  rows.forEach((k, row) => {
    const u = found.units[k];
    const y = p.place.y + row * h;
    whenRow(p, q, u, y, h, row % skip === 0);
    found.windows.forEach(([a, b], v) => {
      const left = Math.max(p.place.x, p.x(a + start));
      const right = Math.min(p.place.x + p.place.w, p.x(b + start));
      if (left >= right) return;
      p.g.fillStyle = rgb(diverging(at(v, k)));
      p.g.fillRect(left, y, right - left + 0.4, h - 0.6);
      const said = `unit ${D.units[u]} exchanged in ${stepsSince(q, [a, b])}\n${MEASURES[state.d]} ${share(at(v, k))}`;
      const act = () => choose(exampleOf(q) ? windowOfStep(a + start) : state.w, u);
      mark(p, { x: left, y, w: right - left, h }, said, act);
    });
  });
  sliderFrame(p);
  timeAxis(p, ", window exchanged");
  colourBar("whenbar", 1, `${MEASURES[state.d]} by one unit in one window`);
  const many = found.of > found.units.length;
  const cut = many ? ` Of ${found.of} units, the ${found.units.length} of largest effect are shown.` : "";
  $("whennote").textContent = "Each row: one unit exchanged in one window alone, read as the question reads; sorted by "
    + `the window in which its effect is largest.${cut}`;
}

function whenRow(p, q, u, y, h, named) {
  const chosen = u === state.u;
  if (chosen) {
    p.g.fillStyle = css("--chosen");
    p.g.fillRect(0, y, p.place.x - 2, h - 0.6);
  }
  if (named || chosen) text(p.g, short(D.units[u], 14), p.place.x - 6, y + h / 2, "right", "--ink");
  mark(p, { x: 0, y, w: p.place.x, h }, () => unitTip(q, u), () => choose(state.w, u));
}

function sliderFrame(p) {
  if (!exampleOf(p.q)) return;
  const [a, b] = D.windows[state.w];
  const left = Math.max(p.place.x, p.x(a));
  const right = Math.min(p.place.x + p.place.w, p.x(b));
  if (right > left) frame(p.g, left, p.place.y - 1, right - left, p.place.h + 1);
}

function drawRead() {
  const q = state.tab;
  const found = whenOf(now());
  $("readsection").hidden = !found;
  if (!found) return;
  const s = sheet("read", w => Math.min(250, 0.6 * w));
  const { g } = s;
  const V = found.windows.length;
  const b = { x: 62, y: 8, w: Math.min(s.w - 80, 2 * (s.h - 56)), h: s.h - 56 };
  const [dx, dy] = [b.w / V, b.h / V];
  const start = startOf(q);
  range(V).forEach(v => range(V).forEach(r => {
    const value = found.byRead[(state.d * V + v) * V + r];
    const [x, y] = [b.x + v * dx, b.y + b.h - (r + 1) * dy];
    g.fillStyle = rgb(diverging(value));
    g.fillRect(x, y, dx + 0.3, dy + 0.3);
    const [e, f] = [found.windows[v], found.windows[r]].map(steps);
    const said = `exchanged in ${e}, read in ${f}\n${MEASURES[state.d]} ${share(value)}`;
    const k = exampleOf(q) ? windowOfStep(found.windows[v][0] + start) : null;
    mark(s, { x, y, w: dx, h: dy }, said, () => choose(k ?? state.w, state.u));
  }));
  readAxes(s, b, found, q);
  colourBar("readbar", 1, `${MEASURES[state.d]} by the set together`);
  const who = now().mediator.length ? "The mediator" : "All units of any set";
  $("readnote").textContent = `${who} exchanged in one window, read in one window, all outputs. `
    + "Grey: run and foil differ by less than 0.05 deviations, or a tenth of where they differ most.";
}

function readAxes(s, b, found, q) {
  const { g } = s;
  const V = found.windows.length;
  const skip = Math.ceil(V / 10);
  found.windows.forEach(([a], v) => {
    if (v % skip) return;
    text(g, String(a), b.x + ((v + 0.5) * b.w) / V, b.y + b.h + 11);
    text(g, String(a), b.x - 6, b.y + b.h - ((v + 0.5) * b.h) / V, "right");
  });
  text(g, `window exchanged, step ${clockName(q)}`, b.x + b.w / 2, b.y + b.h + 28);
  g.save();
  g.translate(12, b.y + b.h / 2);
  g.rotate(-Math.PI / 2);
  text(g, "window read", 0, 0);
  g.restore();
  if (!exampleOf(q)) return;
  const [from, stop] = D.windows[state.w].map(step => step - startOf(q));
  const at = found.windows.findIndex(([a, c]) => from < c && stop > a);
  if (at >= 0) frame(g, b.x + (at * b.w) / V, b.y, b.w / V, b.h);
}

views.push(() => {
  if (state.tab < 0 || $("answered").hidden) return;
  drawWhen();
  drawRead();
});
