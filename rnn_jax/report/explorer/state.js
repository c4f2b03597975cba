// The data of the page, what is chosen, and the address that says it.
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const range = n => [...Array(n).keys()];
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const u2 = text => new Uint16Array(bytes(text).buffer);

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 32768 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Numbers in half precision, times their scale.
const halves = packed => Float32Array.from(u2(packed.data), bits => half(bits) * packed.scale);

const N = D.units.length;
const W = D.windows.length;
const E = D.epochs.rows.length;
const K = D.edges.count;
const Q = D.asked.questions.length;
const places = halves(D.places);
const effect = halves(D.effects.mean);
const low = halves(D.effects.low);
const high = halves(D.effects.high);
const to = u2(D.edges.to);
const from = u2(D.edges.from);
const weight = halves(D.edges.weight);
const mixed = bytes(D.edges.mixed);
const headOf = i => (mixed[i] ? "open" : weight[i] < 0 ? "bar" : "arrow");
const wshare = halves(D.epochs.window_share);
const member = bytes(D.epochs.member);
const eeffect = halves(D.epochs.effect);
const points = new Int16Array(bytes(D.paths.points).buffer);
const pepoch = new Int8Array(bytes(D.paths.epoch).buffer);
const single = Q ? halves(D.asked.single) : [];
const ways = Q ? bytes(D.asked.ways) : [];
const acts = Q ? new Int8Array(bytes(D.asked.acts).buffer) : [];
const WAY = { mediator: 1, carriers: 2, circuit: 4, single: 8 };
const MEASURES = ["undone", "restored"];

// Units of one group lie side by side, groups as they first appear.
const first = {};
D.groups.forEach(name => {
  if (!(name in first)) first[name] = Object.keys(first).length;
});
const groupNames = Object.keys(first);
const order = range(N).sort((a, b) => first[D.groups[a]] - first[D.groups[b]] || a - b);
const rowOf = [];
order.forEach((unit, row) => { rowOf[unit] = row; });

const state = { tab: -1, w: 0, u: 0, d: 0, timer: 0 };
const views = [];
const drawn = {};
window.rnn = { state, drawn, data: D };

const alone = (q, unit, d = state.d) => single[(d * Q + q) * N + unit];
const isMember = (q, unit) => memberSets[q].has(unit);
const memberSets = D.asked.questions.map(question => new Set(question.members));
const now = () => (state.tab < 0 ? null : D.asked.questions[state.tab]);
const exampleOf = q => D.asked.examples[D.asked.contrast[q]] || null;

// A question's clock counts from its example's event, or from the trial's first step.
const startOf = q => (exampleOf(q) ? exampleOf(q).start : 0);
const eventOf = q => (exampleOf(q) ? exampleOf(q).event : 0);

function windowOfStep(step) {
  const found = D.windows.findIndex(([a, b]) => step >= a && step < b);
  if (found >= 0) return found;
  return step < D.windows[0][0] ? 0 : W - 1;
}

function roleOf(q, unit) {
  const bits = ways[q * N + unit];
  const names = ["mediator", "circuit", "carriers"].filter(name => bits & WAY[name]);
  return names.length || !(bits & WAY.single) ? names : ["large effect alone"];
}

function largestEffect() {
  let best = 0;
  for (let i = 0; i < effect.length; i++) {
    if (Math.abs(effect[i]) > Math.abs(effect[best]) || !Number.isFinite(effect[best])) best = i;
  }
  return [Math.floor(best / N), best % N];
}

// Every view draws itself from the state; nothing else is remembered.
function draw() {
  views.forEach(view => view());
  document.body.dataset.window = state.w;
  document.body.dataset.unit = state.u;
  document.body.dataset.tab = state.tab < 0 ? "" : now().name;
  const said = new URLSearchParams({
    tab: state.tab < 0 ? "all" : now().name,
    window: state.w,
    unit: D.units[state.u],
    show: MEASURES[state.d],
  });
  // a page that holds two reports hears what is shown; its address is not theirs
  if (parent !== window) dispatchEvent(new Event("shown"));
  else if (location.hash !== "#" + said) history.replaceState(null, "", "#" + said);
}

function choose(w, u) {
  state.w = Math.max(0, Math.min(W - 1, w));
  state.u = u;
  draw();
}

const ownUnit = q => D.asked.questions[q].mediator[0] ?? D.asked.questions[q].members[0];

// The first step that is exchanged once run and foil may differ.
function ownWindow(q) {
  const spans = D.asked.questions[q].spans;
  const found = spans?.window.find(([, b]) => b > eventOf(q)) ?? spans?.window[0];
  return found && windowOfStep(Math.max(found[0], Math.min(eventOf(q), found[1] - 1)));
}

// A tab opens in its own window of the example, at a unit of its own.
function openTab(q) {
  state.tab = q;
  if (q >= 0) {
    state.w = ownWindow(q) ?? state.w;
    if (!isMember(q, state.u)) state.u = ownUnit(q) ?? state.u;
  }
  draw();
}

function restore() {
  const said = new URLSearchParams(location.hash.slice(1));
  const names = D.asked.questions.map(question => question.name);
  if (said.has("tab")) state.tab = names.indexOf(said.get("tab"));
  const w = parseInt(said.get("window"), 10);
  if (w >= 0 && w < W) state.w = w;
  const u = D.units.indexOf(said.get("unit"));
  if (said.has("unit") && u >= 0) state.u = u;
  if (said.has("show")) state.d = Math.max(0, MEASURES.indexOf(said.get("show")));
}

function startState() {
  [state.w, state.u] = largestEffect();
  const answered = D.asked.questions.findIndex(question => question.members.length);
  if (location.hash.length > 1) restore();
  else if (Q) openAtStart(Math.max(0, answered));
}

function openAtStart(q) {
  state.tab = q;
  state.w = ownWindow(q) ?? state.w;
  state.u = ownUnit(q) ?? state.u;
}
Object.assign(window.rnn, { choose, openTab, draw });
