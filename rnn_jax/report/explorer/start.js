// Words that do not change, and what answers to whom.
function table() {
  const known = D.epochs.rows.some(row => row.recall !== null);
  const said = value => (value === null ? "refused" : number(value));
  const best = e => range(N).sort((a, b) => Math.abs(eeffect[e * N + b]) - Math.abs(eeffect[e * N + a])).slice(0, 5);
  const cells = [
    ["epoch", row => row.name],
    ["units", (row, e) => range(N).reduce((n, u) => n + member[e * N + u], 0)],
    ["largest effects", (row, e) => best(e).map(u => D.units[u]).join(", ")],
    ["faithfulness", row => said(row.faithfulness)],
    ["necessity", row => said(row.necessity)],
    ["p against random sets", row => (row.circuit_p === null ? "-" : number(row.circuit_p))],
  ];
  const marks = ["precision", "recall"].map(name => [name, row => number(row[name] ?? NaN)]);
  if (known) cells.push(...marks, ["AUROC", row => number(row.auroc ?? NaN)]);
  const [whole, body] = headed(cells.map(([name]) => name));
  D.epochs.rows.forEach((row, e) => {
    const said = cells.map(([, value]) => String(value(row, e)));
    const line = addRow(body, said, () => choose(strongestWindow(e), best(e)[0]));
    line.cells[0].prepend(chip(e));
  });
  $("table").append(whole);
}

function chip(e) {
  const found = document.createElement("span");
  found.className = "chip";
  found.style.background = colour(e);
  return found;
}

const strongestWindow = e => range(W).reduce((a, k) => (wshare[k * E + e] > wshare[a * E + e] ? k : a), 0);

function tabs() {
  const make = (said, q, title) => {
    const button = document.createElement("button");
    button.setAttribute("role", "tab");
    button.dataset.tab = q;
    button.textContent = said;
    button.title = title;
    button.addEventListener("click", () => openTab(q));
    $("tabs").append(button);
    return button;
  };
  D.asked.questions.forEach((question, q) => {
    const button = make(question.name, q, question.note || question.name);
    if (question.note) button.classList.add("refused");
  });
  make("all units", -1, "effects of all units in all windows, and epochs");
  $("tabs").hidden = !Q;
  $("measurelabel").hidden = !Q;
}

function words() {
  const about = D.about;
  $("title").textContent = about.subject || "network";
  document.title = "rnn-jax: " + (about.subject || "network");
  $("about").textContent = `${N} units, ${W} windows. ${about.convention}; F: ${about.metric}; ${about.kind} to `
    + `${about.value}. `
    + (about.divided ? "Effects of windows are divided by the share of the trial that remains from the window on. " : "")
    + `Connectivity is [to, from].${about.failures && ` ${about.failures}.`}`
    + (about.performance ? ` ${about.performance[0].toUpperCase()}${about.performance.slice(1)}.` : "")
    + (Q ? ` Contrasts: ${D.asked.source}; judged on held-out trials.` : "");
  const out = D.edges.out ? " in and out" : " in";
  const own = N <= 256 ? ", its own to itself," : "";
  $("edgenote").textContent = `The ${INTO} strongest connections into each unit${own} and the chosen unit's `
    + `${D.edges.each} strongest${out}, of ${D.edges.of}; width by flow. `
    + "Dots: size and colour by effect. Click a unit.";
  const [x, y] = D.paths.variance.map(v => (100 * v).toFixed(0));
  $("pathnote").textContent = `First two principal components (${x} % and ${y} % of variance), `
    + `${D.paths.trials} trials, ` + "coloured by epoch; this window stands out.";
  legend("graphlegend", [[UP, "pushes up"], [DOWN, "pushes down"], [OPEN, "either sign"], [OWN, "to itself"],
    [RING, "large effect in this epoch"], [HALO, "chosen"]]);
  legend("heatlegend", D.epochs.rows.map((row, e) => [box(colour(e)), row.name]));
  if (D.answers.length) $("answers").textContent = D.answers.join("\n");
  else $("answersection").hidden = true;
}

function controls() {
  $("slider").max = W - 1;
  D.units.forEach((name, u) => {
    const option = document.createElement("option");
    option.value = u;
    option.textContent = name;
    $("unit").append(option);
  });
  $("slider").addEventListener("input", () => choose(+$("slider").value, state.u));
  $("unit").addEventListener("change", () => choose(state.w, +$("unit").value));
  $("measure").addEventListener("change", () => {
    state.d = +$("measure").value;
    draw();
  });
  $("play").addEventListener("click", play);
}

function play() {
  const on = !state.timer;
  clearInterval(state.timer);
  state.timer = on ? setInterval(() => choose((state.w + 1) % W, state.u), 450) : 0;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", on);
}

views.unshift(() => {
  const e = epochNow();
  $("slider").value = state.w;
  $("unit").value = state.u;
  $("measure").value = state.d;
  const epoch = e < 0 ? "" : ", " + D.epochs.rows[e].name;
  $("where").textContent = `${state.w + 1} of ${W}: ${stepsOf(state.w)}${epoch}`;
  document.querySelectorAll("#tabs button").forEach(button => {
    button.setAttribute("aria-selected", +button.dataset.tab === state.tab);
  });
});

// Arrow keys move window and unit wherever no control and no drawing with marks has them.
addEventListener("keydown", event => {
  if (["INPUT", "SELECT", "BUTTON", "TR"].includes(event.target.tagName)) return;
  if (event.key === "ArrowRight") choose(state.w + 1, state.u);
  if (event.key === "ArrowLeft") choose(state.w - 1, state.u);
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const row = rowOf[state.u] + (event.key === "ArrowDown" ? 1 : -1);
  choose(state.w, order[Math.max(0, Math.min(N - 1, row))]);
});
addEventListener("resize", draw);
addEventListener("hashchange", () => {
  restore();
  draw();
});
scheme.addEventListener("change", () => {
  heatImage = null;
  inks.clear();
  draw();
});
startState();
words();
tabs();
table();
controls();
["graph", "paths", "course", "circuit", "groups", "example", "lanes", "when", "read"].forEach(id => listen(id, true));
["heat", "matrix"].forEach(id => listen(id, false));
savable([
  "circuit", "groups", "read", "example", "lanes", "when", "matrix", "graph", "heat", "paths", "course",
]);
draw();
