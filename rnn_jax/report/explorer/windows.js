// The views of windows and epochs: all units, whatever was asked.
const etop = quantile(effect, 0.995);
const wtop = quantile(weight, 0.995);
// Connections into each unit that the graph draws: fewer where units are many.
const INTO = Math.max(1, Math.min(D.edges.each, Math.floor(D.edges.drawn / N)));

const radiusOf = (w, h) => 0.4 * Math.min(w, h);
const graphAt = (u, w, h) => [
  w / 2 + places[2 * u] * radiusOf(w, h),
  h / 2 - places[2 * u + 1] * radiusOf(w, h),
];
const inward = (p, c, pull) => [c[0] + (p[0] - c[0]) * pull, c[1] + (p[1] - c[1]) * pull];
const middleOf = (a, b, c) => inward([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], c, 0.44);

function epochNow() {
  let best = -1;
  for (let e = 0; e < E; e++) {
    const share = wshare[state.w * E + e];
    if (share > 0 && (best < 0 || share > wshare[state.w * E + best])) best = e;
  }
  return best;
}

// The strongest few connections into each unit, its own to itself, and those of the chosen unit.
function windowEdges() {
  const seen = new Uint16Array(N);
  const found = [];
  for (let k = 0; k < K; k++) {
    const i = state.w * K + k;
    if (weight[i] === 0) break;
    const mine = from[i] === state.u || to[i] === state.u;
    const own = from[i] === to[i];
    if (!own && seen[to[i]]++ >= INTO && !mine) continue;
    if (own && N > 256 && !mine) continue;
    found.push({ from: from[i], to: to[i], weight: weight[i], head: headOf(i), mine, own });
  }
  return found.sort((a, b) => a.mine - b.mine || Math.abs(a.weight) - Math.abs(b.weight));
}

const WAYS = { arrow: "up", bar: "down", open: "up or down, by trial and step" };
const edgeTip = e => `${D.units[e.from]} to ${e.own ? "itself" : D.units[e.to]}\n`
  + `flow ${number(Math.abs(e.weight))}: pushes it ${WAYS[e.head]}`;
const signed = i => (mixed[i] ? `±${number(Math.abs(weight[i]))}` : number(weight[i]));

function drawEdge(s, e, place, top, faint) {
  const c = [s.w / 2, s.h / 2];
  const size = Math.min(1, Math.abs(e.weight) / top);
  const thin = e.thin ?? 1;
  s.g.globalAlpha = e.mine ? 1 : thin * (faint + (0.85 - faint) * size);
  s.g.lineWidth = (e.mine ? 0.9 : 0.4) + 2.2 * size * thin;
  s.g.strokeStyle = s.g.fillStyle = css("--ink");
  const a = place(e.from, s.w, s.h);
  const tip = 3.5 + 3.5 * size;
  if (e.own) return loop(s.g, c, a, 7, tip, e.head);
  const b = place(e.to, s.w, s.h);
  return curve(s.g, a, b, middleOf(a, b, c), e.stop ?? 7, tip, e.head);
}

function drawGraph() {
  const s = sheet("graph", w => 0.82 * w);
  const epoch = epochNow();
  windowEdges().forEach(e => {
    const points = drawEdge(s, e, graphAt, wtop, 0.08);
    const kind = e.own ? "self" : "unit";
    s.edges.push({ from: e.from, to: e.to, kind, head: e.head });
    if (N <= 256 || e.mine) mark(s, { points }, () => edgeTip(e), () => choose(state.w, e.from));
  });
  s.g.globalAlpha = 1;
  for (let u = 0; u < N; u++) drawUnit(s, u, epoch);
  if (groupNames.length > 1) drawGroupNames(s);
  else order.forEach(u => nameUnit(s, u, ...outside(s, u)));
  const at = graphAt(state.u, s.w, s.h);
  text(s.g, short(D.units[state.u], 20), ...inward(at, [s.w / 2, s.h / 2], 0.84), "center", "--ink");
}

function drawUnit(s, u, epoch) {
  const { g } = s;
  const [x, y] = graphAt(u, s.w, s.h);
  const value = effect[state.w * N + u] / etop;
  const belongs = epoch >= 0 && member[epoch * N + u];
  const r = 2.5 + 5 * Math.sqrt(Math.min(1, Math.abs(value) || 0));
  if (u === state.u) halo(g, x, y, r, false);
  shape(g, x, y, r, false);
  g.fillStyle = rgb(diverging(value));
  g.fill();
  g.lineWidth = belongs ? 1.8 : 0.6;
  g.strokeStyle = css(belongs ? "--ink" : "--muted");
  g.stroke();
  const said = () => `unit ${D.units[u]}\neffect ${number(effect[state.w * N + u])}`
    + (belongs ? `\nlarge effect in ${D.epochs.rows[epoch].name}` : "");
  mark(s, { x, y, r: Math.max(r, N > 200 ? 3 : 8) }, said, () => choose(state.w, u));
}

// Where the name of a unit on the circle stands: its place, and the side of it that is the name's.
function outside(s, u) {
  const [x, y] = graphAt(u, s.w, s.h);
  const side = Math.abs(x - s.w / 2) < 0.1 * s.w ? "center" : x < s.w / 2 ? "right" : "left";
  return [...inward([x, y], [s.w / 2, s.h / 2], 1.12), side];
}

function drawGroupNames(s) {
  groupNames.forEach(name => {
    const units = order.filter(u => D.groups[u] === name);
    text(s.g, short(name, 16), ...outside(s, units[units.length >> 1]));
  });
}

const heatBox = (w, h) => ({ x: 66, y: 20, w: w - 74, h: h - 58 });
let heatImage = null;

function paintHeat() {
  heatImage = document.createElement("canvas");
  heatImage.width = W;
  heatImage.height = N;
  const image = new ImageData(W, N);
  for (let k = 0; k < W; k++) {
    for (let u = 0; u < N; u++) {
      image.data.set([...diverging(effect[k * N + u] / etop), 255], 4 * (rowOf[u] * W + k));
    }
  }
  heatImage.getContext("2d").putImageData(image, 0, 0);
}

function drawHeat() {
  const s = sheet("heat", w => 0.66 * w);
  const { g } = s;
  const b = heatBox(s.w, s.h);
  if (!heatImage) paintHeat();
  g.imageSmoothingEnabled = false;
  g.drawImage(heatImage, b.x, b.y, b.w, b.h);
  drawStrip(g, b);
  g.strokeStyle = css("--ink");
  g.lineWidth = 1.5;
  g.strokeRect(b.x + (state.w * b.w) / W, b.y, b.w / W, b.h);
  g.lineWidth = 1;
  g.strokeRect(b.x, b.y + (rowOf[state.u] * b.h) / N - 0.5, b.w, Math.max(2, b.h / N) + 1);
  heatAxes(g, b);
  heatMarks(s, b);
  colourBar("heatbar", etop, `effect on ${D.about.metric || "F"}${D.about.divided ? ", over the share of the trial left" : ""}`);
}

function drawStrip(g, b) {
  for (let k = 0; k < W; k++) {
    for (let e = 0; e < E; e++) {
      g.globalAlpha = wshare[k * E + e];
      g.fillStyle = colour(e);
      g.fillRect(b.x + (k * b.w) / W, 4 + (12 * e) / E, b.w / W + 0.5, 12 / E);
    }
  }
  g.globalAlpha = 1;
}

function heatAxes(g, b) {
  windowTicks(g, b, b.y + b.h);
  text(g, "time (steps)", b.x + b.w / 2, b.y + b.h + 28);
  text(g, "epoch", b.x - 6, 10, "right");
  const skip = Math.ceil(N / Math.max(1, Math.floor(b.h / 13)));
  const named = groupNames.length > 1 && skip > 1;
  order.forEach((u, row) => {
    const y = b.y + ((row + 0.5) * b.h) / N;
    if (!named && row % skip === 0) text(g, short(D.units[u], 9), b.x - 6, y, "right");
  });
  if (!named) return;
  groupNames.forEach(name => {
    const rows = order.map((u, row) => (D.groups[u] === name ? row : -1)).filter(row => row >= 0);
    const y = b.y + ((rows[rows.length >> 1] + 0.5) * b.h) / N;
    text(g, short(name, 9), b.x - 6, y, "right");
    g.fillRect(b.x - 4, b.y + (rows[0] * b.h) / N, 4, 1);
  });
}

// Numbers of steps under the windows' borders.
function windowTicks(g, b, y) {
  const skip = Math.ceil(W / Math.max(1, Math.floor(b.w / 42)));
  for (let k = 0; k < W; k += skip) {
    const x = b.x + (k * b.w) / W;
    if (x < b.x + b.w - 36) text(g, String(D.windows[k][0]), x, y + 11);
  }
  text(g, String(D.windows[W - 1][1]), b.x + b.w, y + 11, "right");
}

function heatMarks(s, b) {
  const [dx, dy] = [b.w / W, b.h / N];
  // one mark finds its cell: there may be tens of thousands
  const cell = { x: b.x, y: b.y, w: b.w, h: b.h };
  const find = () => [
    Math.max(0, Math.min(W - 1, Math.floor((pointer.x - b.x) / dx))),
    order[Math.max(0, Math.min(N - 1, Math.floor((pointer.y - b.y) / dy)))],
  ];
  mark(s, cell, () => windowTip(...find()), () => choose(...find()));
  for (let k = 0; k < W; k++) {
    const names = range(E).filter(e => wshare[k * E + e] > 0).map(e => D.epochs.rows[e].name);
    const said = `${stepsOf(k)}: ${names.join(", ") || "no epoch"}`;
    mark(s, { x: b.x + k * dx, y: 0, w: dx, h: 18 }, said, () => choose(k, state.u));
  }
}
const stepsOf = k => steps(D.windows[k]);

function windowTip(k, u) {
  const i = k * N + u;
  const ends = Number.isFinite(low[i]) ? ` [${number(low[i])}, ${number(high[i])}]` : "";
  return `unit ${D.units[u]}, ${stepsOf(k)}\neffect ${number(effect[i])}${ends}`;
}

function drawPaths() {
  const s = sheet("paths", w => 0.72 * w);
  const { g } = s;
  const T = D.paths.steps;
  const scale = (0.44 * Math.min(s.w, s.h)) / 30000;
  const [a, b] = D.windows[state.w];
  const at = (q, t) => [
    s.w / 2 + points[2 * (q * T + t)] * scale,
    s.h / 2 - points[2 * (q * T + t) + 1] * scale,
  ];
  pathAxes(s, scale);
  for (let q = 0; q < D.paths.trials; q++) {
    g.globalAlpha = 0.28;
    g.lineWidth = 1;
    eachStretch(q, T, (t0, t1, e) => run(g, at, q, t0, t1, colour(e)));
    g.globalAlpha = 1;
    g.lineWidth = 2.4;
    eachStretch(q, T, (t0, t1, e) => {
      const [first, last] = [Math.max(t0, a - 1, 0), Math.min(t1, b - 1)];
      if (first < last) run(g, at, q, first, last, colour(e));
    });
    const [x, y] = at(q, b - 1);
    const e = pepoch[q * T + b - 1];
    g.beginPath();
    g.arc(x, y, 3, 0, 7);
    g.fillStyle = colour(e);
    g.fill();
    mark(s, { x, y, r: 5 }, `trial ${q}, step ${b - 1}\n${e < 0 ? "no epoch" : D.epochs.rows[e].name}`);
  }
}

function eachStretch(q, T, act) {
  for (let t = 1, t0 = 0; t <= T; t++) {
    if (t < T && pepoch[q * T + t] === pepoch[q * T + t0]) continue;
    act(t0, Math.min(t, T - 1), pepoch[q * T + t0]);
    t0 = t;
  }
}

function run(g, at, q, t0, t1, ink) {
  g.strokeStyle = ink;
  g.beginPath();
  g.moveTo(...at(q, t0));
  for (let t = t0 + 1; t <= t1; t++) g.lineTo(...at(q, t));
  g.stroke();
}

function pathAxes(s, scale) {
  const { g } = s;
  const extent = 30000 * scale;
  g.strokeStyle = css("--line");
  g.lineWidth = 1;
  g.strokeRect(s.w / 2 - extent, s.h / 2 - extent, 2 * extent, 2 * extent);
  [-1, 0, 1].forEach(k => {
    text(g, number(k * D.paths.extent), s.w / 2 + k * extent, s.h / 2 + extent + 10);
    text(g, number(k * D.paths.extent), s.w / 2 - extent - 6, s.h / 2 - k * extent, "right");
  });
  text(g, "component 1", s.w / 2 + extent / 2, s.h / 2 + extent + 10);
  text(g, "component 2", s.w / 2 - extent, s.h / 2 - extent - 8, "left");
}

function drawCourse() {
  const s = sheet("course", w => Math.max(110, 0.32 * w));
  const { g } = s;
  const b = { x: 54, y: 8, w: s.w - 62, h: s.h - 46 };
  const values = range(W).flatMap(k => [effect, low, high].map(a => Math.abs(a[k * N + state.u])));
  const reach = Math.max(1e-30, ...values.filter(Number.isFinite));
  const x = k => b.x + ((k + 0.5) * b.w) / W;
  const y = v => b.y + b.h / 2 - ((v / reach) * b.h) / 2;
  g.fillStyle = css("--band");
  g.fillRect(b.x + (state.w * b.w) / W, b.y, b.w / W, b.h);
  g.fillStyle = css("--muted");
  g.fillRect(b.x, y(0), b.w, 0.7);
  [-1, 0, 1].forEach(k => text(g, number(k * reach), b.x - 6, y(k * reach), "right"));
  g.strokeStyle = g.fillStyle = css("--ink");
  for (let k = 0; k < W; k++) {
    const i = k * N + state.u;
    if (Number.isFinite(low[i])) g.fillRect(x(k) - 0.8, y(high[i]), 1.6, y(low[i]) - y(high[i]));
    g.beginPath();
    g.arc(x(k), y(effect[i]), 2.6, 0, 7);
    g.fill();
    const place = { x: b.x + (k * b.w) / W, y: b.y, w: b.w / W, h: b.h };
    mark(s, place, () => windowTip(k, state.u), () => choose(k, state.u));
  }
  windowTicks(g, b, b.y + b.h);
  text(g, "time (steps); effect of this unit, 95 % interval", b.x + b.w / 2, b.y + b.h + 28);
}

function list(id, pick, other) {
  const found = [];
  for (let k = 0; k < K && found.length < 5; k++) {
    const i = state.w * K + k;
    if (pick[i] !== state.u || weight[i] === 0) continue;
    found.push([`${D.units[other[i]]}  ${signed(i)}`, other[i]]);
  }
  fillList(id, found);
}

function fillList(id, found) {
  $(id).replaceChildren(...(found.length ? found : [["none", -1]]).map(([said, unit]) => {
    const item = document.createElement("li");
    item.textContent = said;
    if (unit >= 0) {
      item.style.cursor = "pointer";
      item.addEventListener("click", () => choose(state.w, unit));
    }
    return item;
  }));
}

views.push(() => {
  $("windowview").hidden = state.tab >= 0;
  if (state.tab >= 0) return;
  const i = state.w * N + state.u;
  const ends = Number.isFinite(low[i]) ? ` [${number(low[i])}, ${number(high[i])}]` : "";
  $("unitname").textContent = `Unit ${D.units[state.u]}: effect ${number(effect[i])}${ends}`;
  const epochs = D.epochs.rows.filter((_, e) => member[e * N + state.u]).map(row => row.name);
  $("memberships").textContent = "Member in: " + (epochs.join(", ") || "no epoch");
  list("into", to, from);
  list("outof", from, to);
  drawGraph();
  drawHeat();
  drawPaths();
  drawCourse();
});
