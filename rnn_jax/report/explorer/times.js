// One clock for a question: the example trial, the unrolled circuit, and when each unit matters.
const LANES = 64;
const LEFT = 124;
const RIGHT = 16;

// First and last step of the panels, in steps of the example's trial.
function clock(q) {
  const question = D.asked.questions[q];
  const example = exampleOf(q);
  const start = startOf(q);
  const ends = [];
  if (question.unrolled) ends.push(...question.unrolled.windows.map(([, b]) => start + b));
  if (question.spans) ends.push(...[...question.spans.window, ...question.spans.read].map(([, b]) => b));
  // what is exchanged after the last read does nothing
  if (!ends.length && question.when) ends.push(...question.when.windows.map(([, b]) => start + b));
  let b = Math.max(start + 1, ...ends);
  if (!example) return [start, b];
  if (!ends.length) b = example.steps;
  // on the trial's own clock run and foil may differ from its first step on
  if (startOf(q) !== example.event) return [0, Math.min(example.steps, b + 1)];
  const first = Math.min(example.event, ...(question.spans?.window ?? []).map(([a]) => a));
  const a = Math.max(0, Math.floor(Math.max(0, first) - 0.2 * (b - start)));
  return [a, Math.min(example.steps, b + 1)];
}

// A panel on that clock: a box, its map from steps to pixels, and its axis of time.
function timePanel(id, q, height) {
  const s = sheet(id, height);
  const [a, b] = clock(q);
  const place = { x: LEFT, y: 28, w: s.w - LEFT - RIGHT, h: s.h - 68 };
  const x = step => place.x + ((step - a) / (b - a)) * place.w;
  return { ...s, q, a, b, place, x, shift: eventOf(q) === startOf(q) ? startOf(q) : 0 };
}

function timeAxis(p, said = "") {
  const { g, place } = p;
  const bottom = place.y + place.h;
  g.strokeStyle = css("--muted");
  g.lineWidth = 0.8;
  g.beginPath();
  g.moveTo(place.x, bottom);
  g.lineTo(place.x + place.w, bottom);
  g.stroke();
  ticks(p.a - p.shift, p.b - p.shift, place.w / 44).forEach(t => {
    g.fillStyle = css("--muted");
    g.fillRect(p.x(t + p.shift), bottom, 0.8, 4);
    text(g, String(t), p.x(t + p.shift), bottom + 12);
  });
  const example = exampleOf(p.q);
  const name = p.shift || !example ? "steps since the event" : "steps of the trial";
  text(g, name + said, place.x + place.w / 2, bottom + 30);
}

// The slider's window as a band, and a place to click for each window.
function windowBand(p) {
  const { g, place } = p;
  D.windows.forEach(([a, b], k) => {
    const left = Math.max(place.x, p.x(a));
    const right = Math.min(place.x + place.w, p.x(b));
    if (right <= left || !exampleOf(p.q)) return;
    if (k === state.w) {
      g.fillStyle = css("--band");
      g.fillRect(left, place.y, right - left, place.h);
    }
    const said = `window ${k + 1}: ${stepsOf(k)} of the trial`;
    mark(p, { x: left, y: place.y, w: right - left, h: place.h }, said, () => choose(k, state.u));
  });
}

// What is exchanged, what is read, and the event.
function asking(p) {
  const { g, place } = p;
  const { spans } = D.asked.questions[p.q];
  const example = exampleOf(p.q);
  if (!spans || !example) return;
  const bar = ([a, b], y, said, filled) => {
    const left = Math.max(place.x, p.x(a));
    const right = Math.min(place.x + place.w, p.x(b));
    if (right <= left) return;
    g.fillStyle = g.strokeStyle = css("--muted");
    g.lineWidth = 1;
    if (filled) g.fillRect(left, y, right - left, 7);
    else g.strokeRect(left + 0.5, y + 0.5, right - left - 1, 6);
    mark(p, { x: left, y: y - 1, w: right - left, h: 9 }, `${said}, steps ${a} to ${b - 1} of the trial`);
  };
  spans.window.forEach(span => bar(span, 3, "exchanged here", true));
  spans.read.forEach(span => bar(span, 15, "outputs are read here", false));
  text(g, "exchanged", place.x - 6, 7, "right");
  text(g, "read", place.x - 6, 19, "right");
  if (example.event >= p.a && example.event < p.b) {
    g.fillStyle = css("--ink");
    g.fillRect(p.x(example.event) - 0.5, place.y, 1, place.h);
    mark(p, { x: p.x(example.event) - 4, y: place.y, w: 8, h: 8 }, "the event");
  }
}

// Curves of an example, unpacked once.
function curvesOf(example) {
  if (example.curves) return example.curves;
  const T = Math.ceil(example.steps / example.stride);
  const rows = (packed, count, versions) => {
    const values = halves(packed);
    const row = (v, k) => values.subarray((v * count + k) * T, (v * count + k + 1) * T);
    return range(versions).map(v => range(count).map(k => row(v, k)));
  };
  const low = halves(example.states.low);
  const high = halves(example.states.high);
  const levels = bytes(example.states.data);
  const level = (k, t) => {
    const found = levels[k * 2 * T + t];
    return found === 255 ? NaN : low[k] + (found / 254) * (high[k] - low[k]);
  };
  const states = [0, 1].map(v => example.units.map((_, k) => range(T).map(t => level(k, v * T + t))));
  example.curves = {
    input: rows(example.inputs, example.input.length, 2),
    output: rows(example.outputs, example.output.length, 2),
    target: example.targets ? rows(example.targets, example.output.length, 1)[0] : null,
    states,
  };
  return example.curves;
}

function exampleRows(q) {
  const example = exampleOf(q);
  const curves = curvesOf(example);
  const read = D.asked.questions[q].spans?.outputs ?? [];
  const both = (part, k) => ({ run: curves[part][0][k], foil: curves[part][1][k] });
  const rows = example.input.map((i, k) => ({ name: `input ${i}`, ink: "--input", ...both("input", k) }));
  example.output.forEach((o, k) => rows.push({
    name: `output ${o}${read.includes(o) && example.of_outputs > 1 ? " (read)" : ""}`,
    ink: "--output",
    ...both("output", k),
    target: curves.target?.[k],
  }));
  const k = example.units.indexOf(state.u);
  if (k >= 0) rows.push({ name: `unit ${D.units[state.u]}`, ink: "--ink", ...both("states", k) });
  return rows;
}

function drawExample() {
  const q = state.tab;
  const example = exampleOf(q);
  $("examplesection").hidden = !example;
  if (!example) return;
  const rows = exampleRows(q);
  const p = timePanel("example", q, 70 + 46 * rows.length);
  windowBand(p);
  asking(p);
  const h = p.place.h / rows.length;
  const inside = t => t * example.stride >= p.a - example.stride && t * example.stride <= p.b;
  const known = curve => [...curve ?? []].filter((v, t) => inside(t) && Number.isFinite(v));
  // all inputs share one scale, and all outputs: what is small looks small
  const ends = ink => {
    const all = rows.filter(row => row.ink === ink).flatMap(row => [row.run, row.foil, row.target].flatMap(known));
    return [Math.min(0, ...all), Math.max(0, ...all)];
  };
  rows.forEach((row, k) => drawRow(p, row, p.place.y + k * h, h, example.stride, inside, ends(row.ink)));
  timeAxis(p);
  legend("examplelegend", [[dash("currentColor"), "run"], [dash("currentColor", "4 3"), "foil"],
    [dash("currentColor", "1 3", 1.4), "target"], [box("var(--input)"), "inputs"], [box("var(--output)"), "outputs"],
    [box("currentColor"), "the chosen unit"], [box("var(--band)"), "window of the slider"]]);
  const shown = example.units.includes(state.u) ? "" : ` The states of unit ${D.units[state.u]} were not kept.`;
  const thin = example.stride > 1 ? ` Every ${example.stride}th step is drawn.` : "";
  const left = example.of_inputs + example.of_outputs - example.input.length - example.output.length;
  const channels = left ? ` Of ${example.of_inputs} inputs and ${example.of_outputs} outputs those that differ `
    + "most are drawn." : "";
  $("examplenote").textContent = `Trial ${example.trial}, event at step ${example.event}: the trial of this contrast `
    + `whose outputs differ most where they are read.${shown}${thin}${channels}`;
}

function drawRow(p, row, y, h, stride, inside, [bottom, top]) {
  const { g, place } = p;
  const at = v => y + h - 8 - ((v - bottom) / (top - bottom || 1)) * (h - 18);
  g.fillStyle = css("--line");
  g.fillRect(place.x, at(0), place.w, 0.7);
  text(g, short(row.name, 16), 4, y + h / 2, "left", row.ink);
  text(g, number(top), place.x - 4, at(top) + 1, "right");
  if (h > 30) text(g, number(bottom), place.x - 4, at(bottom) - 1, "right");
  g.save();
  g.beginPath();
  g.rect(place.x, y, place.w, h);
  g.clip();
  const trace = (curve, dashes, width, ink) => {
    g.setLineDash(dashes);
    g.lineWidth = width;
    g.strokeStyle = css(ink);
    g.beginPath();
    curve.forEach((v, t) => {
      if (!inside(t) || !Number.isFinite(v)) return;
      // a step's value holds for the whole step: what is short stays a pulse
      g.lineTo(p.x(t * stride), at(v));
      g.lineTo(p.x((t + 1) * stride), at(v));
    });
    g.stroke();
  };
  if (row.target) trace(row.target, [1, 3], 1.2, "--muted");
  trace(row.foil, [4, 3], 1.5, row.ink);
  trace(row.run, [], 1.6, row.ink);
  g.restore();
  const value = () => {
    const t = Math.floor((p.a + ((pointer.x - place.x) / place.w) * (p.b - p.a)) / stride);
    const target = row.target ? `\ntarget ${number(row.target[t])}` : "";
    const both = `run ${number(row.run[t])}\nfoil ${number(row.foil[t])}`;
    const when = p.shift ? `step ${t * stride - p.shift} since the event` : `step ${t * stride} of the trial`;
    return `${row.name}, ${when}\n${both}${target}`;
  };
  const step = () => p.a + ((pointer.x - place.x) / place.w) * (p.b - p.a);
  mark(p, { x: place.x, y, w: place.w, h }, value, () => choose(windowOfStep(Math.floor(step())), state.u));
}

function drawLanes() {
  const found = unpacked(now());
  if (found && found.edges.length) drawUnrolledLanes(found);
  else drawCarriers();
}

// Inputs above, outputs below; units by the first window in which anything reaches them.
function lanesOf(found) {
  const firstAt = new Map();
  found.edges.forEach(e => ["to", "from"].forEach(end => {
    if (!isUnitEnd(e, end)) return;
    const when = Math.min(99, ...e.windows) + (end === "from");
    firstAt.set(e[end], Math.min(firstAt.get(e[end]) ?? 99, when));
  }));
  const names = (kind, end) => {
    const all = found.edges.filter(e => e.kind === kind).map(e => e[end]);
    return [...new Set(all)].sort((a, b) => a - b);
  };
  const units = [...firstAt.keys()].sort((a, b) => firstAt.get(a) - firstAt.get(b) || a - b);
  const lanes = [
    ...names("input", "from").map(name => ({ kind: "input", name, said: `input ${name}` })),
    ...units.map(name => ({ kind: "unit", name, said: (found.groups ?? D.units)[name] })),
    ...names("output", "to").map(name => ({ kind: "output", name, said: `output ${name}` })),
  ];
  lanes.forEach((lane, k) => {
    lane.y = k + (lane.kind === "unit" ? 0.6 : 0) + (lane.kind === "output" ? 1.2 : 0);
  });
  return lanes;
}

function drawUnrolledLanes(found) {
  const q = state.tab;
  const lanes = lanesOf(found);
  const rows = lanes[lanes.length - 1].y + 1;
  const p = timePanel("lanes", q, 66 + Math.max(13, Math.min(22, 900 / rows)) * rows);
  const y = lane => p.place.y + ((lane.y + 0.5) / rows) * p.place.h;
  windowBand(p);
  asking(p);
  lanes.forEach(lane => drawLane(p, lane, y(lane), p.place.h / rows, found.groups));
  const laneOf = (kind, name) => lanes.find(lane => lane.kind === kind && lane.name === name);
  const sorted = [...found.edges].sort((a, b) => mineOf(a, found) - mineOf(b, found));
  sorted.forEach(e => e.windows.forEach(v => {
    const a = laneOf(e.kind === "input" ? "input" : "unit", e.from);
    const b = laneOf(e.kind === "output" ? "output" : "unit", e.to);
    drawLaneEdge(p, e, v, y(a), y(b), found);
  }));
  p.g.globalAlpha = 1;
  timeAxis(p);
  $("lanename").textContent = "The circuit unrolled in time";
  legend("lanelegend", [[dash("var(--input)"), "input to unit"], [dash("currentColor"), "unit to unit"],
    [dash("var(--muted)"), "a unit to itself"], [dash("var(--output)"), "unit to output"],
    [dash("currentColor", "", 5), `widest: a cut there alone takes away ${share(found.dear)}`], [HALO, "chosen"]]);
  $("lanenote").textContent = `The ${found.edges.length} of ${found.candidates} connections that are needed, `
    + `each in the windows in which it is needed. They alone keep ${share(found.keeps[1])} and bring about `
    + `${share(found.keeps[0])} of the difference. ` + "Units are sorted by when anything first reaches them.";
}

const mineOf = (e, found) => (found.groups ? 0 : Number(touches(e, state.u)));

function drawLane(p, lane, y, h, groups) {
  const { g, place } = p;
  const chosen = lane.kind === "unit" && !groups && lane.name === state.u;
  if (chosen) {
    g.fillStyle = css("--chosen");
    g.fillRect(0, y - h / 2, place.x - 2, h);
    g.globalAlpha = 0.3;
    g.fillRect(place.x, y - h / 2, place.w, h);
    g.globalAlpha = 1;
  }
  g.fillStyle = css("--line");
  g.fillRect(place.x, y, place.w, 0.8);
  const ink = lane.kind === "unit" ? "--ink" : "--" + lane.kind;
  const diamond = lane.kind === "unit" && !groups && ways[p.q * N + lane.name] & WAY.mediator;
  text(g, short(lane.said, 14), place.x - 18, y, "right", ink);
  if (lane.kind === "unit") {
    shape(g, place.x - 8, y, Math.min(4.5, h / 3), diamond);
    g.fillStyle = css("--ink");
    g.fill();
  }
  const act = lane.kind !== "unit" || groups ? null : () => choose(state.w, lane.name);
  const tip = act ? () => unitTip(p.q, lane.name) : lane.said;
  mark(p, { x: 0, y: y - h / 2, w: place.x, h }, tip, act);
}

function drawLaneEdge(p, e, v, y0, y1, found) {
  const { g } = p;
  const start = startOf(p.q);
  const [a, b] = found.windows[v].map(step => p.x(step + start));
  const size = sizeOf(e.lost[v], found.dear);
  g.globalAlpha = strength(size, mineOf(e, found));
  g.lineWidth = 0.5 + 4 * size;
  g.strokeStyle = g.fillStyle = edgeColour(e);
  g.beginPath();
  g.moveTo(a, y0);
  g.lineTo(b - 2, y1);
  g.stroke();
  head(g, b, y1, Math.atan2(y1 - y0, b - a), tipOf(size), "arrow");
  p.edges.push({ from: e.from, to: e.to, kind: e.own ? "self" : e.kind, window: v, head: "arrow" });
  const points = range(13).map(k => [a + ((b - a) * k) / 12, y0 + ((y1 - y0) * k) / 12]);
  const act = found.groups ? null : () => choose(windowOfStep(found.windows[v][0] + start), unitOf(e));
  mark(p, { points, size }, () => neededTip(e, found), act);
}
const unitOf = e => (e.kind === "input" ? e.to : e.from);

// Where nothing was unrolled: which unit carries the difference at which step.
function drawCarriers() {
  const q = state.tab;
  const question = now();
  const searched = question.carriers;
  const units = [...new Set([...question.mediator, ...searched.flatMap(([, each]) => each)])];
  $("lanesection").hidden = !units.length;
  if (!units.length) return;
  const grouped = units.length > LANES && groupNames.length > 1;
  const ofGroups = () => groupNames.map(name => ({ name, units: order.filter(u => D.groups[u] === name) }));
  const ofUnits = () => units.slice(0, LANES).map(u => ({ name: D.units[u], units: [u] }));
  const lanes = grouped ? ofGroups() : ofUnits();
  const p = timePanel("lanes", q, 66 + Math.max(14, Math.min(22, 700 / lanes.length)) * lanes.length);
  const h = p.place.h / lanes.length;
  windowBand(p);
  asking(p);
  const first = question.spans?.window[0]?.[0] ?? startOf(q);
  lanes.forEach((lane, k) => carrierLane(p, lane, p.place.y + (k + 0.5) * h, h, first, grouped));
  timeAxis(p);
  $("lanename").textContent = "Which unit carries the difference at which step";
  legend("lanelegend", [[box("var(--ink)"), "a carrier at this step"], [DIAMOND, "mediator"],
    [dash("var(--muted)", "", 1), "no column: the step was not searched, or no small set is enough"]]);
  const cut = !grouped && units.length > LANES ? ` The first ${LANES} of ${units.length} units are drawn.` : "";
  $("lanenote").textContent = "Each column is a smallest set of one step. The connections were not searched: run again "
    + `with --unrolled (or Settings(unrolled=True)) to see which are needed, and when.${cut}`;
}

function carrierLane(p, lane, y, h, first, grouped) {
  const plain = { kind: "unit", name: lane.units[0], said: lane.name };
  drawLane(p, plain, y, h, grouped ? groupNames : null);
  now().carriers.forEach(([step, units]) => {
    const count = lane.units.filter(u => units.includes(u)).length;
    if (!count) return;
    const [a, b] = [p.x(first + step), p.x(first + step + 1)];
    const part = count / lane.units.length;
    p.g.fillStyle = css("--ink");
    p.g.fillRect(a, y - (h - 3) * part / 2, Math.max(2, b - a - 1), (h - 3) * part);
    const counted = grouped ? `: ${count} of ${lane.units.length}` : "";
    const said = `${lane.name}${counted}\ncarries at step ${step} of the window`;
    const act = () => choose(exampleOf(p.q) ? windowOfStep(first + step) : state.w, lane.units[0]);
    mark(p, { x: a, y: y - h / 2, w: Math.max(3, b - a), h }, said, act);
  });
}

views.push(() => {
  if (state.tab < 0 || $("answered").hidden) return;
  $("lanesection").hidden = false;
  drawExample();
  drawLanes();
});
