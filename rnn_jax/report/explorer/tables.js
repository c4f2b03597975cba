// The numbers behind each drawing, as rows of a table with a head.
const spanOf = ([a, b]) => [a, b - 1];

function effectRows() {
  const rows = range(W).flatMap(k => order.map(u => {
    const i = k * N + u;
    return [D.units[u], D.groups[u], ...spanOf(D.windows[k]), effect[i], low[i], high[i]];
  }));
  return [["unit", "group", "first_step", "last_step", D.about.divided ? "effect_over_share_left" : "effect", "low", "high"], ...rows];
}

function flowRows() {
  const rows = range(K).map(k => state.w * K + k).filter(i => weight[i] !== 0)
    .map(i => [D.units[from[i]], D.units[to[i]], ...spanOf(D.windows[state.w]), weight[i]]);
  return [["from", "to", "first_step", "last_step", "flow"], ...rows];
}

function aloneRows() {
  const rows = range(Q).filter(q => !D.asked.questions[q].note).flatMap(q => order.map(u =>
    [D.asked.questions[q].name, D.units[u], D.groups[u], roleOf(q, u).join(" "), alone(q, u, 0), alone(q, u, 1)]));
  return [["question", "unit", "group", "part", "undone", "restored"], ...rows];
}

// Windows of a question count from its event.
function whenRows() {
  const found = whenOf(now());
  const [V, M] = [found.windows.length, found.units.length];
  const at = (d, v, k) => found.byUnit[(d * V + v) * M + k];
  const rows = range(M).flatMap(k => range(V).map(v =>
    [D.units[found.units[k]], ...spanOf(found.windows[v]), at(0, v, k), at(1, v, k)]));
  return [["unit", "first_step_since_event", "last_step_since_event", "undone", "restored"], ...rows];
}

function readRows() {
  const found = whenOf(now());
  const V = found.windows.length;
  const at = (d, v, r) => found.byRead[(d * V + v) * V + r];
  const rows = range(V).flatMap(v => range(V).map(r =>
    [...spanOf(found.windows[v]), ...spanOf(found.windows[r]), at(0, v, r), at(1, v, r)]));
  return [["exchanged_first", "exchanged_last", "read_first", "read_last", "undone", "restored"], ...rows];
}

// A circuit's connections: those that are needed, where it was unrolled, else by flow.
function circuitRows() {
  const found = unpacked(now());
  if (!found) {
    const rows = memberEdges(state.tab).map(e => [D.units[e.from], D.units[e.to], e.weight]);
    return [["from", "to", "flow"], ...rows];
  }
  const rows = found.edges.map(e => [e.kind, endName(e, "from", found.groups), endName(e, "to", found.groups), e.undone, e.restored]);
  return [["kind", "from", "to", "undone_lost", "restored_lost"], ...rows];
}

const tables = {
  heat: effectRows, graph: flowRows, matrix: aloneRows, when: whenRows, read: readRows, circuit: circuitRows,
};
