// One question: what it says, the units of its circuit, its connections, and the chosen unit's part.
const LABELS = 28;
// Letters of a unit's name beside the circuit, and what they and the gap before them take up.
const LETTERS = 18;
const memberRoom = 34 + 6.2 * Math.min(LETTERS, D.units.reduce((most, name) => Math.max(most, name.length), 0));

const unpacked = question => {
  const found = question.unrolled;
  if (!found || found.edges) return found;
  const lost = halves(found.lost);
  const does = halves(found.does);
  const V = found.windows.length;
  found.edges = found.kind.map((kind, k) => ({
    kind: KINDS[kind],
    own: kind === 0 && found.to[k] === found.from[k],
    to: found.to[k],
    from: found.from[k],
    windows: range(V).filter(v => found.acts[k] & (1 << v)),
    lost: lost.slice(k * V, (k + 1) * V),
    undone: does[2 * k],
    restored: does[2 * k + 1],
  }));
  found.dear = Math.max(1e-9, ...found.edges.flatMap(e => e.windows.map(v => Math.abs(e.lost[v]) || 0)));
  found.dearest = Math.max(1e-9, ...found.edges.map(e => Math.abs(e.restored) || 0));
  return found;
};

const edgeColour = e => (e.kind === "unit" ? css(e.own ? "--muted" : "--ink") : css("--" + e.kind));
const endName = (e, end, groups) => {
  const unit = e.kind === "unit" || (e.kind === "input") === (end === "to");
  if (!unit) return `${e.kind} ${e[end]}`;
  return groups ? groups[e[end]] : D.units[e[end]];
};

// The window of an unrolled circuit that holds the slider's window of the example; -1 for none.
function unrolledWindow(q) {
  const found = now().unrolled;
  if (!found || !exampleOf(q)) return -1;
  const [a, b] = D.windows[state.w].map(step => step - startOf(q));
  const overlap = ([c, d]) => Math.min(b, d) - Math.max(a, c);
  const sizes = found.windows.map(overlap);
  const best = sizes.indexOf(Math.max(...sizes));
  return sizes[best] > 0 ? best : -1;
}

function drawSentences() {
  $("said").replaceChildren(...now().sentences.map(({ kind, text: said }) => {
    const p = document.createElement("p");
    p.className = kind;
    p.textContent = said;
    return p;
  }));
}

// The strongest connections into each member from other members, and its own to itself.
function memberEdges(q) {
  const inside = memberSets[q];
  const seen = {};
  const found = [];
  for (let k = 0; k < K; k++) {
    const i = state.w * K + k;
    if (weight[i] === 0) break;
    if (!inside.has(to[i]) || !inside.has(from[i])) continue;
    const own = from[i] === to[i];
    seen[to[i]] = (seen[to[i]] || 0) + !own;
    if (!own && seen[to[i]] > D.edges.into) continue;
    const mine = from[i] === state.u || to[i] === state.u;
    found.push({ from: from[i], to: to[i], weight: weight[i], head: headOf(i), own, mine });
  }
  return found.sort((a, b) => a.mine - b.mine || Math.abs(a.weight) - Math.abs(b.weight));
}

const middleX = (s, shift) => s.w / 2 + shift;
const circuitRadius = (w, h) => Math.min(0.42 * Math.min(w, h), 0.5 * w - memberRoom, 0.5 * h - 46);
const circuitAt = (u, w, h) => {
  const r = Math.max(60, circuitRadius(w, h));
  return [w / 2 + places[2 * u] * r, h / 2 - places[2 * u + 1] * r];
};

// Inputs stand in the upper left corner, outputs in the upper right.
function endPlaces(s, edges, kind, end) {
  const names = [...new Set(edges.filter(e => e.kind === kind).map(e => e[end]))].sort((a, b) => a - b);
  const x = kind === "input" ? 16 : s.w - 16;
  const step = Math.min(46, (s.h - 60) / Math.max(1, names.length));
  return new Map(names.map((name, k) => [name, [x, 36 + k * step]]));
}

function drawCircuit() {
  const q = state.tab;
  const s = sheet("circuit", w => Math.min(660, (groupNames.length > 1 ? 0.95 : 0.85) * w));
  const found = unpacked(now());
  const unrolled = found && !found.groups;
  if (unrolled) drawUnrolledEdges(s, q, found);
  else drawFlows(s, q);
  s.g.globalAlpha = 1;
  const many = now().members.length > LABELS;
  const skip = Math.ceil(now().members.length / LABELS);
  const named = new Set(order.filter(u => isMember(q, u)).filter((u, k) => k % skip === 0));
  const others = order.filter(u => u !== state.u);
  [state.u, ...others].forEach(u => drawMember(s, q, u, many, named.has(u)));
  $("circuitname").textContent = unrolled ? "Its circuit: the connections that are needed" : "Its circuit";
  circuitLegend(q, unrolled);
}

function drawFlows(s, q) {
  const edges = memberEdges(q);
  const top = flowTop(q);
  const thin = Math.min(1, Math.sqrt(90 / edges.length));
  edges.forEach(e => {
    const points = drawEdge(s, { ...e, stop: 9, thin }, circuitAt, top, 0.18);
    const kind = e.own ? "self" : "unit";
    s.edges.push({ from: e.from, to: e.to, kind, head: e.head });
    const other = e.mine && e.to !== state.u ? e.to : e.from;
    mark(s, { points }, () => edgeTip(e), () => choose(state.w, other));
  });
}

// One width for one flow in all windows of a question.
const tops = {};
function flowTop(q) {
  if (tops[q]) return tops[q];
  const inside = memberSets[q];
  const own = [];
  for (let i = 0; i < weight.length; i++) {
    if (weight[i] && inside.has(to[i]) && inside.has(from[i])) own.push(weight[i]);
  }
  tops[q] = quantile(own, 0.98);
  return tops[q];
}

function drawUnrolledEdges(s, q, found) {
  const at = unrolledWindow(q);
  const ends = {
    input: endPlaces(s, found.edges, "input", "from"),
    output: endPlaces(s, found.edges, "output", "to"),
  };
  const place = (e, end) => {
    const outer = (e.kind === "input" && end === "from") || (e.kind === "output" && end === "to");
    return outer ? ends[e.kind].get(e[end]) : circuitAt(e[end], s.w, s.h);
  };
  const sorted = [...found.edges].sort((a, b) => a.windows.includes(at) - b.windows.includes(at));
  sorted.forEach(e => drawNeeded(s, e, place, at));
  s.g.globalAlpha = 1;
  Object.entries(ends).forEach(([kind, places]) => places.forEach(([x, y], name) => {
    s.g.fillStyle = css("--" + kind);
    s.g.fillRect(x - 7, y - 7, 14, 14);
    const [edge, side] = kind === "input" ? [x - 8, "left"] : [x + 8, "right"];
    clearText(s.g, `${kind} ${name}`, edge, y - 16, side, "--ink");
    mark(s, { x: x - 8, y: y - 8, w: 16, h: 16 }, `${kind} ${name}`);
  }));
}

function drawNeeded(s, e, place, at) {
  const active = at < 0 || e.windows.includes(at);
  const mine = touches(e, state.u);
  const size = at < 0 ? sizeOf(e.restored, now().unrolled.dearest) : sizeOf(e.lost[at], now().unrolled.dear);
  const { g } = s;
  g.globalAlpha = active ? strength(size, mine) : 0.06;
  g.lineWidth = active ? 0.5 + 4 * size : 0.6;
  g.strokeStyle = g.fillStyle = edgeColour(e);
  const c = [s.w / 2, s.h / 2];
  const a = place(e, "from");
  const b = place(e, "to");
  const draw = () => curve(g, a, b, middleOf(a, b, c), 9, tipOf(size), "arrow");
  const points = e.own ? loop(g, c, a, 7, 5, "arrow") : draw();
  const kind = e.own ? "self" : e.kind;
  s.edges.push({ from: e.from, to: e.to, kind, head: "arrow", active });
  mark(s, { points, size: active ? size : 0 }, () => neededTip(e, now().unrolled), unitEnd(e));
}

// Widths go with the root of what a cut costs, since most connections of a needed set cost little.
const sizeOf = (lost, top) => Math.min(1, Math.sqrt((Math.abs(lost) || 0) / (top || 1)));
const strength = (size, mine) => (mine ? 0.2 + 0.8 * size : 0.05 + 0.8 * size);
const tipOf = size => 3 + 6 * size;
const touches = (e, u) => (e.kind !== "input" && e.from === u) || (e.kind !== "output" && e.to === u);
const unitEnd = e => () => {
  const other = e.kind !== "input" && e.from !== state.u ? e.from : e.to;
  choose(state.w, e.kind === "output" ? e.from : other);
};

function neededTip(e, found) {
  const said = found.windows.map(([a, b], v) =>
    `${e.windows.includes(v) ? "▪" : "·"} ${b - a > 1 ? `${a} to ${b - 1}` : a}: ${share(e.lost[v])}`);
  const to = e.own ? "itself" : endName(e, "to", found.groups);
  return `${endName(e, "from", found.groups)} to ${to}\ncut: the circuit keeps ${share(e.restored)} less, `
    + `brings about ${share(e.undone)} less\ncut in one window alone, by step (▪ needed):\n${said.join("\n")}`;
}

function drawMember(s, q, u, many, named) {
  const { g } = s;
  const inside = isMember(q, u);
  const diamond = Boolean(ways[q * N + u] & WAY.mediator);
  const some = ways[q * N + u] & (WAY.carriers | WAY.single);
  const [x, y] = circuitAt(u, s.w, s.h);
  const r = inside ? (many ? 4.5 : 7) : some ? 3.5 : 2;
  if (u === state.u) halo(g, x, y, r, diamond);
  shape(g, x, y, r, diamond);
  g.globalAlpha = inside || some || u === state.u ? 1 : 0.4;
  g.fillStyle = inside ? rgb(diverging(alone(q, u))) : css("--panel");
  g.fill();
  g.lineWidth = inside ? 1.8 : 0.9;
  g.strokeStyle = css(inside ? "--ink" : "--muted");
  g.stroke();
  g.globalAlpha = 1;
  if (named || u === state.u) {
    const out = 1 + (many ? 17 : 24) / Math.max(60, circuitRadius(s.w, s.h));
    const [tx, ty] = inward([x, y], [s.w / 2, s.h / 2], out);
    const side = Math.abs(places[2 * u]) < 0.2 ? "center" : places[2 * u] < 0 ? "right" : "left";
    nameUnit(s, u, tx, ty, side);
  }
  mark(s, { x, y, r: inside ? r + 2 : r }, () => unitTip(q, u), () => choose(state.w, u));
}

// A name is left out where it would cover another one; the chosen unit's never is.
function nameUnit(s, u, x, y, side) {
  const said = short(D.units[u], LETTERS);
  const w = s.g.measureText(said).width + 4;
  const left = { left: x, right: x - w, center: x - w / 2 }[side];
  s.names ??= [];
  const covers = s.names.some(([a, b, c]) => left < a + c && a < left + w && Math.abs(b - y) < 11);
  if (covers && u !== state.u) return;
  s.names.push([left, y, w]);
  clearText(s.g, said, x, y, side, "--ink");
}

function unitTip(q, u) {
  const role = roleOf(q, u).join(", ") || "in no set";
  const act = { 1: "\nAND-like: undoes and does not restore", [-1]: "\nOR-like: restores and does not undo" };
  const group = groupNames.length > 1 ? ` (${D.groups[u]})` : "";
  return `unit ${D.units[u]}${group}\n${D.asked.questions[q].name}: ${role}\nalone undoes ${share(alone(q, u, 0))}, `
    + `restores ${share(alone(q, u, 1))}${act[acts[q * N + u]] || ""}`;
}

function circuitLegend(q, unrolled) {
  const units = [[MEMBER, "in its circuit"], [DIAMOND, "mediator"], [FAINT, "carriers or large effect alone"],
    [DOT, "other units"], [HALO, "chosen"]];
  const ends = [[dash("var(--input)"), "from an input"], [dash("var(--output)"), "to an output"],
    [dash("var(--ink)"), "unit to unit"], [OWN.replaceAll("currentColor", "var(--muted)"), "to itself"]];
  const flows = [[UP, "pushes up"], [DOWN, "pushes down"], [OPEN, "either sign"], [OWN, "to itself"]];
  legend("circuitlegend", [...units, ...(unrolled ? ends : flows)]);
  const fill = `Fill: effect of the unit alone (${MEASURES[state.d]}; colours as in the matrix below). `;
  const at = unrolledWindow(q);
  const cost = "width by what its cut takes away";
  const when = at < 0 ? `Outside the windows of the unrolled circuit all are drawn, ${cost}. `
    : `Strong: needed in ${stepsSince(q, now().unrolled?.windows[at])}, ${cost} there; faint: at other times. `;
  const flow = `The ${D.edges.into} strongest connections into each member from other members, and its own to itself, `
    + `by flow in ${stepsOf(state.w)}. Flows describe; they test nothing. `;
  $("circuitnote").textContent = fill + (unrolled ? when : flow) + "Click a unit or a line.";
}

const clockName = q => (exampleOf(q) && startOf(q) !== eventOf(q) ? "of the trial" : "since the event");
const steps = ([a, b]) => (b - a > 1 ? `steps ${a} to ${b - 1}` : `step ${a}`);
const stepsSince = (q, span) => (span ? `${steps(span)} ${clockName(q)}` : "");

function drawGroups() {
  const q = state.tab;
  const several = groupNames.length > 1 && groupNames.length <= 12;
  $("groupsection").hidden = !several;
  if (!several) return;
  const s = sheet("groups", w => Math.min(230, 0.45 * w));
  const counts = groupNames.map(name => now().members.filter(u => D.groups[u] === name).length);
  const sizes = groupNames.map(name => D.groups.filter(other => other === name).length);
  const place = k => {
    const turn = (2 * Math.PI * (k + 0.5)) / groupNames.length;
    return [s.w / 2 + 0.29 * s.w * Math.sin(turn), s.h / 2 - 0.28 * s.h * Math.cos(turn)];
  };
  drawGroupEdges(s, q, place);
  groupNames.forEach((name, k) => drawGroup(s, name, place(k), counts[k], sizes[k]));
}

function drawGroupEdges(s, q, place) {
  const found = unpacked(now());
  const c = [s.w / 2, s.h / 2];
  const G = groupNames.length;
  const line = (a, b, size, ink, head, tip, kind) => {
    s.g.globalAlpha = 0.3 + 0.6 * size;
    s.g.lineWidth = 0.6 + 3 * size;
    s.g.strokeStyle = s.g.fillStyle = ink;
    const [p, r] = [place(a), place(b)];
    const aside = [(p[0] + r[0]) / 2 + 0.16 * (r[1] - p[1]), (p[1] + r[1]) / 2 - 0.16 * (r[0] - p[0])];
    const points = a === b ? loop(s.g, c, p, 14, 7, head) : curve(s.g, p, r, aside, 22, 7, head);
    s.edges.push({ from: a, to: b, kind, head });
    mark(s, { points }, tip);
  };
  if (found && found.groups) {
    found.edges.filter(e => e.kind === "unit").forEach(e => {
      const size = sizeOf(e.restored, found.dearest);
      line(e.from, e.to, size, edgeColour(e), "arrow", neededTip(e, found), e.own ? "self" : "unit");
    });
    $("groupnote").textContent = "Connections between groups that are needed; width by what its cut takes away.";
    return;
  }
  const flows = now().flows ? (now().flowValues ??= halves(now().flows.carried)) : [];
  const either = now().flows ? bytes(now().flows.mixed) : [];
  const top = quantile(flows, 1);
  for (let a = 0; a < G; a++) {
    for (let b = 0; b < G; b++) {
      const value = flows[(state.w * G + b) * G + a] || 0;
      if (Math.abs(value) < 0.02 * top) continue;
      const head = either[(state.w * G + b) * G + a] ? "open" : value < 0 ? "bar" : "arrow";
      const tip = `${groupNames[a]} to ${a === b ? "itself" : groupNames[b]}\n`
        + `flow into one member: ${number(Math.abs(value))}, pushes it `
        + (head === "open" ? "up or down, by member, trial and step" : WAYS[head]);
      line(a, b, Math.abs(value) / top, css("--ink"), head, tip, a === b ? "self" : "unit");
    }
  }
  $("groupnote").textContent = "Members of its circuit by group; lines: flow from members into one member, "
    + `${stepsOf(state.w)}.`;
}

function drawGroup(s, name, [x, y], count, size) {
  const { g } = s;
  g.globalAlpha = 1;
  const chosenHere = D.groups[state.u] === name;
  if (chosenHere) halo(g, x, y, 18, false);
  shape(g, x, y, 18, false);
  g.fillStyle = css(count ? "--ink" : "--panel");
  g.fill();
  g.strokeStyle = css("--muted");
  g.lineWidth = 1;
  g.stroke();
  text(g, `${count}/${size}`, x, y, "center", count ? "--page" : "--muted");
  const below = y > s.h / 2 ? 30 : -30;
  text(g, short(name, 22), x, y + below, "center", "--ink");
  const own = now().members.find(u => D.groups[u] === name) ?? order.find(u => D.groups[u] === name);
  mark(s, { x, y, r: 18 }, `${name}: ${count} of ${size} units belong`, () => choose(state.w, own));
}

views.push(() => {
  $("questionview").hidden = state.tab < 0;
  if (state.tab < 0) return;
  drawSentences();
  $("answered").hidden = now().note !== "";
  if ($("answered").hidden) return;
  drawCircuit();
  drawGroups();
});
