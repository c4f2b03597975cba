// Which unit holds what: units by questions; and the chosen unit's part in each of them.
const MATRIX = 64;

// Units of any set, where there are many; of each group those of one question side by side.
function matrixUnits() {
  const belongs = u => range(Q).some(q => ways[q * N + u]);
  const units = N > MATRIX ? order.filter(belongs) : order;
  const size = (q, u) => Math.max(Math.abs(alone(q, u, 0)) || 0, Math.abs(alone(q, u, 1)) || 0);
  const best = new Map(units.map(u => {
    const sizes = range(Q).map(q => size(q, u));
    return [u, [sizes.indexOf(Math.max(...sizes)), Math.max(...sizes)]];
  }));
  const none = u => (belongs(u) ? 0 : 1);
  return [...units].sort((a, b) =>
    none(a) - none(b) || first[D.groups[a]] - first[D.groups[b]]
    || best.get(a)[0] - best.get(b)[0] || best.get(b)[1] - best.get(a)[1]);
}
const columns = Q ? matrixUnits() : [];

const NAME = 14;
const nameRoom = 12 + 6.5 * Math.max(1, ...columns.map(u => Math.min(NAME, D.units[u].length)));
const matrixBox = (w, h) => {
  const x = Math.min(170, 0.24 * w);
  return { x, y: 6, w: w - x - 8, h: h - nameRoom - 26 };
};

function drawMatrix() {
  const s = sheet("matrix", nameRoom + 32 + 24 * Q);
  const { g } = s;
  const b = matrixBox(s.w, s.h);
  const [dx, dy] = [b.w / Math.max(1, columns.length), b.h / Q];
  range(Q).forEach(q => {
    const y = b.y + q * dy;
    const { name, note } = D.asked.questions[q];
    const known = !note;
    columns.forEach((u, k) => {
      g.fillStyle = rgb(diverging(known ? alone(q, u) : NaN));
      g.fillRect(b.x + k * dx, y, dx + 0.3, dy - 1);
      if (known) cellMark(g, q, u, b.x + (k + 0.5) * dx, y + (dy - 1) / 2, Math.min(dx, dy) / 2 - 1.5);
    });
    if (!known) text(g, "not answered", b.x + 6, y + dy / 2, "left");
    if (q === state.tab) frame(g, b.x - 1, y - 1, b.w + 2, dy + 1);
    text(g, short(name, Math.floor(b.x / 6.2)), b.x - 6, y + dy / 2, "right", q === state.tab ? "--ink" : "--muted");
    mark(s, { x: 0, y, w: b.x, h: dy }, note ? `${name}\n${note}` : name, () => openTab(q));
  });
  matrixColumns(s, b, dx);
  const find = () => [
    Math.max(0, Math.min(Q - 1, Math.floor((pointer.y - b.y) / dy))),
    columns[Math.max(0, Math.min(columns.length - 1, Math.floor((pointer.x - b.x) / dx)))],
  ];
  mark(s, { x: b.x, y: b.y, w: b.w, h: b.h }, () => unitTip(...find()), () => {
    const [q, u] = find();
    if (q !== state.tab) openTab(q);
    choose(state.w, u);
  });
}

function frame(g, x, y, w, h) {
  g.strokeStyle = css("--ink");
  g.lineWidth = 1.6;
  g.strokeRect(x, y, w, h);
}

// The shapes of the circle, small.
function cellMark(g, q, u, x, y, r) {
  const bits = ways[q * N + u];
  const dim = diverging(alone(q, u)).reduce((a, b) => a + b, 0) / 3;
  g.strokeStyle = g.fillStyle = dim < 128 ? "#fff" : "#16191d";
  g.lineWidth = 1.2;
  if (r < 1.5 || !bits) return;
  if (bits & WAY.mediator) {
    shape(g, x, y, Math.min(5, r * 0.8), true);
    g.fill();
  } else if (bits & WAY.circuit) {
    shape(g, x, y, Math.min(3.4, r * 0.6), false);
    g.fill();
  } else {
    shape(g, x, y, Math.min(3.4, r * 0.6), false);
    g.stroke();
  }
}

function matrixColumns(s, b, dx) {
  const { g } = s;
  const at = columns.indexOf(state.u);
  const skip = Math.ceil(13 / dx);
  columns.forEach((u, k) => {
    const x = b.x + (k + 0.5) * dx;
    const chosen = u === state.u;
    if ((k % skip === 0 && Math.abs(k - at) >= skip) || chosen || (at < 0 && k % skip === 0)) {
      if (chosen) {
        g.fillStyle = css("--chosen");
        g.fillRect(x - 7, b.y + b.h + 2, 14, nameRoom - 2);
      }
      g.save();
      g.translate(x, b.y + b.h + 5);
      g.rotate(-Math.PI / 2);
      text(g, short(D.units[u], NAME), 0, 0, "right", "--ink");
      g.restore();
    }
    mark(s, { x: x - dx / 2, y: b.y + b.h, w: dx, h: nameRoom }, `unit ${D.units[u]}`, () => choose(state.w, u));
  });
  if (at >= 0) frame(g, b.x + at * dx, b.y - 1, dx, b.h + 1);
  text(g, "units", b.x + b.w / 2, b.y + b.h + nameRoom + 12);
}

function drawRoles() {
  const name = D.units[state.u];
  const group = groupNames.length > 1 ? ` (${D.groups[state.u]})` : "";
  $("rolename").textContent = `Unit ${name}${group}`;
  const [table, body] = headed(["question", "part", "undoes alone", "restores alone"]);
  range(Q).filter(q => !D.asked.questions[q].note).forEach(q => {
    const cells = [D.asked.questions[q].name, roleOf(q, state.u).join(", ") || "–",
      share(alone(q, state.u, 0)), share(alone(q, state.u, 1))];
    addRow(body, cells, () => openTab(q)).className = q === state.tab ? "now" : "";
  });
  $("roles").replaceChildren(table);
  drawNeighbours();
}

// Who writes the chosen unit and whom it drives: by the unrolled circuit, or by flows.
function drawNeighbours() {
  const found = unpacked(now());
  if (found && !found.groups) {
    $("rolein").textContent = "written by (needed connections; what a cut takes away)";
    $("roleout").textContent = "drives";
    const dearest = (a, b) => Math.abs(b.restored) - Math.abs(a.restored);
    const entry = (e, end) => [`${endName(e, end)}  ${share(e.restored)}`, isUnitEnd(e, end) ? e[end] : -1];
    const side = (mine, other) =>
      found.edges.filter(mine).sort(dearest).slice(0, 8).map(e => entry(e, other));
    fillList("sources", side(e => e.kind !== "output" && e.to === state.u, "from"));
    fillList("targets", side(e => e.kind !== "input" && e.from === state.u, "to"));
  } else {
    $("rolein").textContent = `strongest inputs, ${stepsOf(state.w)} (mean size of the flow, sign of its mean)`;
    $("roleout").textContent = `strongest outputs, ${stepsOf(state.w)} (mean size of the flow, sign of its mean)`;
    list("sources", to, from);
    list("targets", from, to);
  }
  $("rolenote").textContent = D.asked.questions.some((_, q) => ways[q * N + state.u]) ? ""
    : "This unit is in no set of any question.";
}
const isUnitEnd = (e, end) => e.kind === "unit" || (e.kind === "input") === (end === "to");

views.push(() => {
  $("matrixsection").hidden = !Q;
  if (!Q) return;
  drawMatrix();
  if (state.tab >= 0 && !$("answered").hidden) drawRoles();
  colourBar("matrixbar", 1, `effect of the unit alone, ${MEASURES[state.d]} (1: as much as the whole difference)`);
  legend("matrixlegend", [[DIAMOND, "mediator"], ['<circle cx="13" cy="7" r="3.4" fill="currentColor"/>', "circuit"],
    [RING, "carriers, or a large effect alone"]]);
  const only = N > MATRIX ? `The ${columns.length} of ${N} units that are in any set. ` : "";
  const groups = groupNames.length > 1 ? "group, then by the " : "";
  $("matrixnote").textContent = `${only}Units are sorted by ${groups || "the "}question in which their effect is largest: `
    + "in separate blocks, different units hold different things. "
    + "Click a cell, a unit or a question.";
});
