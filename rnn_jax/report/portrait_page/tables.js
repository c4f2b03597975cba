// The numbers behind each drawing, as rows of a table with a head.
function pointRows() {
  const axes = range(K).map(k => `component_${k + 1}`);
  const rows = D.landscapes[state.l].points.map(p =>
    [p, D.points.kind[p], starts[p], leading[p] ?? "", ...range(K).map(k => places[p * K + k])]);
  return [["point", "kind", "starts", "leading_mode_steps", ...axes], ...rows];
}

function nearRows() {
  const rows = range(T).map(t => [t, nearest[at(state.l, state.trial, t)], distance[at(state.l, state.trial, t)]]);
  return [["step", "nearest_point", "distance"], ...rows];
}

function spectrumRows() {
  const M = D.points.modes;
  const rows = range(M).map(m => [real[shownPoint() * M + m], imag[shownPoint() * M + m]]);
  return [["real", "imaginary"], ...rows];
}

const tables = { plane: pointRows, near: nearRows, spectrum: spectrumRows };
