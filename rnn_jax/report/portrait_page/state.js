// The data of the page, and what is chosen.
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const range = n => [...Array(n).keys()];
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 32768 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Numbers in half precision, times their scale.
const halves = packed => Float32Array.from(new Uint16Array(bytes(packed.data).buffer), b => half(b) * packed.scale);

const K = D.span.length;
const L = D.landscapes.length;
const B = D.paths.trials;
const T = D.paths.steps;
const P = D.points.kind.length;
const paths = halves(D.paths.points);
const epochs = new Int8Array(bytes(D.paths.epoch).buffer);
const nearest = new Int32Array(bytes(D.paths.nearest).buffer);
const distance = halves(D.paths.distance);
const places = halves(D.points.at);
const starts = new Int32Array(bytes(D.points.starts).buffer);
const { leading } = D.points; // in steps, negative where it grows; "neutral", or null
const outputs = halves(D.points.outputs);
const real = halves(D.points.real);
const imag = halves(D.points.imag);
const flowAt = halves(D.flow.at);
const flowMoved = halves(D.flow.moved);
const FATES = ["kept", "moved", "vanished"];
const fates = D.landscapes.map(({ fates: f }) => f && {
  fate: bytes(f.fate),
  partner: new Int32Array(bytes(f.partner).buffer),
  distance: halves(f.distance),
  change: halves(f.change),
});

// The point is the nearest one, until one is chosen.
const state = { t: 0, trial: 0, l: 0, plane: 0, p: -1, timer: 0 };
const views = [];
const drawn = {};
window.rnn = { state, drawn, data: D };

const at = (l, trial, t) => (l * B + trial) * T + t;
const nearestNow = () => nearest[at(state.l, state.trial, state.t)];
const distanceNow = () => distance[at(state.l, state.trial, state.t)];
const shownPoint = () => (state.p >= 0 ? state.p : nearestNow());
const epochAt = t => epochs[state.trial * T + t];
const epochName = e => (e < 0 ? "no epoch" : D.epochs[e]);

function draw() {
  views.forEach(view => view());
  Object.assign(document.body.dataset, { step: state.t, trial: state.trial, landscape: state.l, point: shownPoint() });
  const { t: step, trial, l: landscape, plane, p: point } = state;
  const said = "#" + new URLSearchParams({ step, trial, landscape, plane, point });
  if (location.hash !== said) history.replaceState(null, "", said);
}

// What the address says, as far as there is such a thing.
function restore() {
  const said = new URLSearchParams(location.hash.slice(1));
  const most = { step: ["t", T], trial: ["trial", B], landscape: ["l", L], plane: ["plane", D.planes.length], point: ["p", P] };
  Object.entries(most).forEach(([name, [key, end]]) => {
    const k = parseInt(said.get(name), 10);
    if (k >= 0 && k < end) state[key] = k;
  });
}

function choose(changes) {
  if ("l" in changes && changes.l !== state.l) state.p = -1;
  Object.assign(state, changes);
  state.t = Math.max(0, Math.min(T - 1, state.t));
  draw();
}
Object.assign(window.rnn, { choose, draw });
