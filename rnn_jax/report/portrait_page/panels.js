// What is said of the step, the chosen point, and all points.
function sayNow() {
  const p = nearestNow();
  const line = document.createElement("p");
  line.textContent = p < 0
    ? "There is no fixed point to be near to."
    : `Nearest: point ${p} (${D.points.said[p]}), ${number(distanceNow())} of the spread away.`;
  $("now").replaceChildren(line);
  $("said").replaceChildren(...D.landscapes[state.l].said.map(said => {
    const row = document.createElement("p");
    row.textContent = said;
    return row;
  }));
}
views.push(sayNow);

// Runs of steps with the same nearest point.
function stays() {
  const found = [];
  range(T).forEach(t => {
    const p = nearest[at(state.l, state.trial, t)];
    if (found.length && found[found.length - 1].p === p) found[found.length - 1].b = t + 1;
    else found.push({ p, a: t, b: t + 1 });
  });
  return found;
}

function drawNear() {
  const s = sheet("near", 150);
  const { g } = s;
  const b = { x: 46, y: 26, w: s.w - 56, h: s.h - 62 };
  const values = range(T).map(t => distance[at(state.l, state.trial, t)]);
  const top = Math.max(1e-9, ...values.filter(Number.isFinite));
  const x = t => b.x + (t * b.w) / T;
  const y = v => b.y + b.h - (v / top) * b.h;
  g.fillStyle = css("--band");
  g.fillRect(x(state.t), b.y, b.w / T, b.h);
  range(T).forEach(t => {
    g.fillStyle = colour(epochAt(t));
    g.fillRect(x(t), b.y - 5, b.w / T + 0.5, 4);
    mark(s, { x: x(t), y: 0, w: b.w / T, h: s.h }, () => {
      const p = nearest[at(state.l, state.trial, t)];
      return `step ${t}, ${epochName(epochAt(t))}\n` + (p < 0 ? "no point" : `point ${p}: ${number(values[t])}`);
    }, () => choose({ t }));
  });
  stays().forEach(({ p, a, b: end }) => {
    if (p < 0) return;
    g.fillStyle = css("--line");
    g.fillRect(x(end) - 0.5, b.y, 1, b.h);
    if (x(end) - x(a) > 7 * String(p).length + 2) text(g, String(p), (x(a) + x(end)) / 2, 10, "center", "--ink");
  });
  g.strokeStyle = css("--ink");
  g.lineWidth = 1.5;
  g.beginPath();
  values.forEach((v, t) => (t ? g.lineTo(x(t + 0.5), y(v)) : g.moveTo(x(t + 0.5), y(v))));
  g.stroke();
  [0, 1].forEach(q => text(g, number(q * top), b.x - 5, y(q * top), "right"));
  g.fillStyle = css("--muted");
  g.fillRect(b.x, b.y + b.h, b.w, 0.8);
  ticks(0, T, b.w / 44).forEach(t => text(g, String(t), x(t), b.y + b.h + 11));
  text(g, "step of the trial", b.x + b.w / 2, b.y + b.h + 26);
}
views.push(drawNear);

function drawSpectrum() {
  const p = shownPoint();
  const s = sheet("spectrum", w => Math.min(250, 0.6 * w));
  $("pointname").textContent = p < 0 ? "No point" : `Point ${p}: ${D.points.said[p]}`;
  $("pointsaid").textContent = p < 0 ? "" : pointWords(p);
  if (p < 0) return;
  const { g } = s;
  const M = D.points.modes;
  const size = k => Math.hypot(real[p * M + k], imag[p * M + k]);
  const reach = 1.12 * Math.max(1, ...range(M).map(size).filter(Number.isFinite));
  const radius = (s.h / 2 - 12) / reach;
  const [x, y] = [v => s.w / 2 + v * radius, v => s.h / 2 - v * radius];
  g.strokeStyle = css("--muted");
  g.lineWidth = 1;
  g.beginPath();
  g.arc(x(0), y(0), radius, 0, 7);
  g.moveTo(x(-reach), y(0));
  g.lineTo(x(reach), y(0));
  g.moveTo(x(0), y(-reach));
  g.lineTo(x(0), y(reach));
  g.stroke();
  text(g, "1", x(1) + 4, y(0) + 9, "left");
  text(g, "real part", x(reach) + 4, y(0), "left");
  text(g, "imaginary part", x(0) + 5, 7, "left");
  range(M).forEach(k => {
    g.fillStyle = css(size(k) > 1 + 1e-6 ? "--output" : "--input");
    g.beginPath();
    g.arc(x(real[p * M + k]), y(imag[p * M + k]), 3, 0, 7);
    g.fill();
    mark(s, { x: x(real[p * M + k]), y: y(imag[p * M + k]), r: 4 },
      `eigenvalue ${number(real[p * M + k])} ${imag[p * M + k] < 0 ? "-" : "+"} ${number(Math.abs(imag[p * M + k]))} i\nsize ${number(size(k))}`);
  });
  $("spectrumnote").textContent = (M < D.points.of_modes ? `The ${M} largest of ${D.points.of_modes} eigenvalues` : "Eigenvalues")
    + " of the step's Jacobian; the circle has radius 1. Orange: outside, these modes grow; blue: inside, these decay.";
}
views.push(drawSpectrum);

function pointWords(p) {
  const O = outputs.length / P;
  const said = range(Math.min(O, 12)).map(k => outputs[p * O + k].toFixed(2)).join(", ");
  const slow = leading[p];
  const known = slow === "neutral" ? "is neutral" : slow && `${slow < 0 ? "grows" : "decays"} in ${number(Math.abs(slow))} steps`;
  const how = known ? ` Its leading mode ${known}.` : "";
  return `Outputs there: ${said}${O > 12 ? ", ..." : ""}. Found by ${foundBy(p)}.${how}${fateWords(p)}`;
}

// Of a point of the intact network, what becomes of it in the network that is shown.
function fateWords(p) {
  const known = fates[state.l];
  const k = D.landscapes[0].points.indexOf(p);
  if (!known || k < 0 || k >= known.fate.length) return "";
  const kind = FATES[known.fate[k]];
  const far = number(known.distance[k]);
  if (kind === "vanished") return ` It has vanished: the nearest point is ${far} of the spread away, or is another's.`;
  const change = known.change[k];
  const turned = change ? `, with ${Math.abs(change)} unstable mode${Math.abs(change) > 1 ? "s" : ""} ${change > 0 ? "more" : "fewer"}` : "";
  return ` It is ${kind}, ${far} of the spread: now point ${known.partner[k]}${turned}.`;
}

function cellsOf(p) {
  const O = outputs.length / P;
  const said = range(Math.min(O, 6)).map(k => outputs[p * O + k].toFixed(2)).join("  ");
  const slow = leading[p] === "neutral" ? "neutral" : leading[p] ? number(Math.abs(leading[p])) : "–";
  return [String(p), D.points.said[p], String(starts[p]), slow, said];
}

// The points of the network that is shown; in a removal those of the intact one, with their fates.
function drawTable() {
  const known = fates[state.l];
  const heads = ["point", "kind", "starts", "leading mode (steps)", "outputs"];
  if (known) heads.push("became", "distance (spread)", "unstable modes");
  const [whole, body] = headed(heads);
  D.landscapes[0].points.forEach((p, k) => {
    if (known && k >= known.fate.length) return;
    const cells = cellsOf(p);
    if (known) {
      const to = known.partner[k];
      const change = known.change[k];
      cells.push(FATES[known.fate[k]] + (to < 0 ? "" : `: point ${to}`), number(known.distance[k]),
        Number.isFinite(change) ? (change > 0 ? "+" : "") + change : "–");
    }
    tableRow(body, p, cells);
  });
  if (known) D.landscapes[state.l].points.filter(isNew).forEach(p => tableRow(body, p, [...cellsOf(p), "new", "", ""]));
  $("tablename").textContent = known ? `What became of the intact points, ${D.landscapes[state.l].name}` : "Points of the intact network";
  $("tablebox").replaceChildren(whole);
}

function tableRow(body, p, cells) {
  const row = addRow(body, cells, () => choose({ p: state.p === p ? -1 : p }));
  row.dataset.point = p;
  if (p === shownPoint()) row.className = "now";
}
views.push(drawTable);
