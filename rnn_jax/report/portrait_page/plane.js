// The plane: flow, trials, points, and what becomes of the points.
const MARGIN = { left: 62, right: 10, top: 10, bottom: 40 };
const FATE_INKS = { moved: "--input", vanished: "--output", fresh: "--fresh" };

function frame(s) {
  const [a, b] = D.planes[state.plane];
  const box = { x: MARGIN.left, y: MARGIN.top, w: s.w - MARGIN.left - MARGIN.right, h: s.h - MARGIN.top - MARGIN.bottom };
  const x = v => box.x + ((v - D.span[a][0]) / (D.span[a][1] - D.span[a][0])) * box.w;
  const y = v => box.y + box.h - ((v - D.span[b][0]) / (D.span[b][1] - D.span[b][0])) * box.h;
  return { ...box, a, b, px: x, py: y };
}

const stateAt = (f, l, trial, t) => [f.px(paths[at(l, trial, t) * K + f.a]), f.py(paths[at(l, trial, t) * K + f.b])];
const pointAt = (f, p) => [f.px(places[p * K + f.a]), f.py(places[p * K + f.b])];

function drawFlow(g, f) {
  const n = D.flow.nodes;
  const first = (state.l * D.planes.length + state.plane) * n * 2;
  const cell = Math.min(f.w, f.h) / Math.sqrt(n);
  const size = k => Math.hypot(flowMoved[first + 2 * k], flowMoved[first + 2 * k + 1]);
  const top = Math.max(1e-30, ...range(n).map(size));
  g.strokeStyle = g.fillStyle = css("--muted");
  g.globalAlpha = 0.5;
  g.lineWidth = 0.9;
  range(n).forEach(k => {
    const [u, v, du, dv] = [flowAt[first + 2 * k], flowAt[first + 2 * k + 1], flowMoved[first + 2 * k], flowMoved[first + 2 * k + 1]];
    const [x0, y0, x1, y1] = [f.px(u), f.py(v), f.px(u + du), f.py(v + dv)];
    const angle = Math.atan2(y1 - y0, x1 - x0);
    const length = 1.2 * cell * Math.sqrt(size(k) / top);
    if (!(length > 0.8)) return;
    const [x, y] = [x0 + length * Math.cos(angle), y0 + length * Math.sin(angle)];
    g.beginPath();
    g.moveTo(x0, y0);
    g.lineTo(x, y);
    g.stroke();
    head(g, x, y, angle, 4.5, false);
  });
  g.globalAlpha = 1;
}

function drawTrial(g, f, trial, last) {
  for (let t = 1; t <= last; t++) {
    g.strokeStyle = colour(epochs[trial * T + t]);
    g.beginPath();
    g.moveTo(...stateAt(f, state.l, trial, t - 1));
    g.lineTo(...stateAt(f, state.l, trial, t));
    g.stroke();
  }
}

function drawPoint(g, [x, y], kind, ink = "--ink") {
  g.lineWidth = 1.6;
  g.strokeStyle = css(ink);
  g.beginPath();
  if (kind === "slow") {
    g.moveTo(x - 4, y - 4);
    g.lineTo(x + 4, y + 4);
    g.moveTo(x + 4, y - 4);
    g.lineTo(x - 4, y + 4);
  } else if (kind === "neutral") {
    g.rect(x - 4, y - 4, 8, 8);
  } else if (kind === "unknown") {
    g.moveTo(x, y - 5);
    g.lineTo(x + 5, y + 4);
    g.lineTo(x - 5, y + 4);
    g.closePath();
  } else {
    g.arc(x, y, 5, 0, 7);
  }
  g.fillStyle = css(kind === "stable" ? ink : kind === "unstable" ? "--panel" : "--line");
  if (kind !== "slow") g.fill();
  g.stroke();
}

function ring(g, [x, y], ink) {
  g.lineWidth = 2;
  g.strokeStyle = css(ink);
  g.beginPath();
  g.arc(x, y, 9, 0, 7);
  g.stroke();
}

// Where intact points were: vanished ones ringed, those that moved with a line to what they became.
function drawFates(g, f) {
  const known = fates[state.l];
  if (!known) return;
  D.landscapes[0].points.slice(0, known.fate.length).forEach((p, k) => {
    const kind = FATES[known.fate[k]];
    if (kind === "kept") return;
    const old = pointAt(f, p);
    g.globalAlpha = 0.55;
    drawPoint(g, old, D.points.kind[p], "--muted");
    g.globalAlpha = 1;
    ring(g, old, FATE_INKS[kind]);
    if (kind !== "moved") return;
    const [x, y] = pointAt(f, known.partner[k]);
    g.strokeStyle = g.fillStyle = css(FATE_INKS.moved);
    g.beginPath();
    g.moveTo(...old);
    g.lineTo(x, y);
    g.stroke();
    head(g, x, y, Math.atan2(y - old[1], x - old[0]), 8, false);
  });
}

const isNew = p => fates[state.l] && D.points.kind[p] !== "slow" && !fates[state.l].partner.includes(p);

const foundBy = p => `${starts[p]} start${starts[p] === 1 ? "" : "s"}`;

function pointTip(p) {
  const rows = [`point ${p}: ${D.points.said[p]}`, `found by ${foundBy(p)}`];
  if (state.l && isNew(p)) rows.push("no intact point became this one");
  return rows.join("\n");
}

function planeAxes(s, f) {
  const { g } = s;
  g.strokeStyle = css("--muted");
  g.lineWidth = 0.8;
  g.strokeRect(f.x, f.y, f.w, f.h);
  const name = k => `PC ${k + 1} (${(100 * D.variance[k]).toFixed(0)} % of variance)`;
  text(g, name(f.a), f.x + f.w / 2, f.y + f.h + 28);
  [0.1, 0.5, 0.9].forEach(q => {
    // a number near 0 would else be long, and lie on the name of its axis
    const value = k => {
      const wide = D.span[k][1] - D.span[k][0];
      const grain = 10 ** Math.floor(Math.log10(wide / 10));
      return Math.round((D.span[k][0] + q * wide) / grain) * grain;
    };
    text(g, number(value(f.a)), f.px(value(f.a)), f.y + f.h + 12);
    text(g, number(value(f.b)), f.x - 5, f.py(value(f.b)), "right");
  });
  g.save();
  g.translate(9, f.y + f.h / 2);
  g.rotate(-Math.PI / 2);
  text(g, name(f.b), 0, 0);
  g.restore();
}

function drawPlane() {
  const s = sheet("plane", w => 0.86 * w);
  const { g } = s;
  const f = frame(s);
  planeAxes(s, f);
  g.save();
  g.beginPath();
  g.rect(f.x, f.y, f.w, f.h);
  g.clip();
  drawFlow(g, f);
  g.globalAlpha = 0.18;
  g.lineWidth = 1;
  range(B).forEach(trial => drawTrial(g, f, trial, T - 1));
  g.globalAlpha = 1;
  g.lineWidth = 2.4;
  drawTrial(g, f, state.trial, state.t);
  drawFates(g, f);
  const here = stateAt(f, state.l, state.trial, state.t);
  const chosen = shownPoint();
  if (chosen >= 0) halo(g, ...pointAt(f, chosen), 6, false);
  if (nearestNow() >= 0) {
    g.setLineDash([4, 3]);
    g.strokeStyle = css("--ink");
    g.lineWidth = 1.2;
    g.beginPath();
    g.moveTo(...here);
    g.lineTo(...pointAt(f, nearestNow()));
    g.stroke();
    g.setLineDash([]);
  }
  const own = D.landscapes[state.l].points;
  [...own].reverse().forEach(p => {
    drawPoint(g, pointAt(f, p), D.points.kind[p]);
    if (isNew(p)) ring(g, pointAt(f, p), FATE_INKS.fresh);
    const [x, y] = pointAt(f, p);
    mark(s, { x, y, r: 7 }, () => pointTip(p), () => choose({ p: state.p === p ? -1 : p }));
  });
  g.beginPath();
  g.arc(...here, 4.5, 0, 7);
  g.fillStyle = colour(epochAt(state.t));
  g.fill();
  g.lineWidth = 1.5;
  g.strokeStyle = css("--ink");
  g.stroke();
  g.restore();
}
views.push(drawPlane);
