// Words that do not change, and what answers to whom.
function fill(id, names) {
  names.forEach((name, k) => {
    const option = document.createElement("option");
    option.value = k;
    option.textContent = name;
    $(id).append(option);
  });
}

function words() {
  $("title").textContent = `Dynamics of ${D.subject || "network"}`;
  document.title = "rnn-jax dynamics: " + (D.subject || "network");
  const held = D.hold === "zero" ? "zero" : `its mean over ${D.hold}`;
  $("about").textContent = `Points are where the step leaves the state as it is, the input held at ${held}. `
    + "Click a point to choose it; click it again to undo this.";
  $("planenote").textContent = `${D.flow_note} Strong line: the trial until this step. Dashed: to the nearest fixed point, `
    + "nearest in the whole state space, not in this plane.";
  const disc = (fill, kind = "circle") => (kind === "circle"
    ? `<circle cx="13" cy="7" r="5" fill="${fill}" stroke="currentColor" stroke-width="1.6"/>`
    : `<rect x="8" y="2" width="9" height="9" fill="var(--line)" stroke="currentColor" stroke-width="1.6"/>`);
  const circle = ink => `<circle cx="13" cy="7" r="5.5" fill="none" stroke="var(${ink})" stroke-width="2"/>`;
  const cross = `<path d="M9 3L17 11M17 3L9 11" ${INK}/>`;
  const corner = '<path d="M13 2L18 11H8Z" fill="var(--line)" stroke="currentColor" stroke-width="1.6"/>';
  const pictures = {
    stable: disc("currentColor"), unstable: disc("none"), neutral: disc("", "rect"), unknown: corner, slow: cross,
  };
  const entries = Object.entries(pictures).filter(([kind]) => D.points.kind.includes(kind));
  const rings = [["moved", "moved"], ["vanished", "vanished"], ["fresh", "new"]].map(([key, name]) => [circle(FATE_INKS[key]), name]);
  legend("planelegend", [...entries.map(([kind, picture]) => [picture, kind === "unknown" ? "of unknown stability" : `${kind} point`]), [HALO, "nearest or chosen"],
    ...(L > 1 ? rings : []), ...D.epochs.map((name, e) => [dash(colour(e)), name])]);
}

function controls() {
  $("slider").max = T - 1;
  fill("trial", range(B).map(String));
  fill("landscape", D.landscapes.map(one => one.name));
  fill("planes", D.planes.map(([a, b]) => `PC ${a + 1} and ${b + 1}`));
  $("slider").addEventListener("input", () => choose({ t: +$("slider").value }));
  $("trial").addEventListener("change", () => choose({ trial: +$("trial").value }));
  $("landscape").addEventListener("change", () => choose({ l: +$("landscape").value }));
  $("planes").addEventListener("change", () => choose({ plane: +$("planes").value }));
  $("play").addEventListener("click", play);
}

function play() {
  const on = !state.timer;
  clearInterval(state.timer);
  state.timer = on ? setInterval(() => choose({ t: (state.t + 1) % T }), 250) : 0;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", on);
}

views.unshift(() => {
  $("slider").value = state.t;
  $("trial").value = state.trial;
  $("landscape").value = state.l;
  $("planes").value = state.plane;
  $("where").textContent = `${state.t} of ${T - 1}, ${epochName(epochAt(state.t))}`;
});

// Arrow keys move the step wherever no control has them.
addEventListener("keydown", event => {
  if (["INPUT", "SELECT", "BUTTON", "TR"].includes(event.target.tagName)) return;
  if (event.key === "ArrowRight") choose({ t: state.t + 1 });
  if (event.key === "ArrowLeft") choose({ t: state.t - 1 });
});
addEventListener("resize", draw);
scheme.addEventListener("change", () => {
  inks.clear();
  draw();
});
controls();
words();
["plane"].forEach(id => listen(id, true));
["near", "spectrum"].forEach(id => listen(id, false));
savable(["plane", "near", "spectrum"]);
addEventListener("hashchange", () => {
  restore();
  draw();
});
state.t = T - 1;
restore();
draw();
