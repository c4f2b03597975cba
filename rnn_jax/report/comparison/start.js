// Two reports in frames, and what is chosen in the one is chosen in the other.
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
// The other page is told at once, and must not tell it back.
let telling = false;

function table() {
  const [whole, body] = headed(D.head);
  D.rows.forEach(cells => addRow(body, cells, () => {
    telling = true;
    frames.forEach(frame => openQuestion(frame.contentWindow, cells[0]));
    telling = false;
  }));
  $("table").append(whole);
}

function openQuestion({ rnn }, name) {
  if (!rnn) return;
  const q = rnn.data.asked.questions.findIndex(question => question.name === name);
  if (q >= 0) rnn.openTab(q);
}

// The window of a page that holds a step: two runs may have other windows.
function windowOf({ data }, step) {
  const found = data.windows.findIndex(([, stop]) => step < stop);
  return found < 0 ? data.windows.length - 1 : found;
}

function follow(frame, other) {
  frame.contentWindow.addEventListener("shown", () => {
    const [mine, its] = [frame, other].map(each => each.contentWindow.rnn);
    if (telling || !$("together").checked || !its) return;
    const { questions } = mine.data.asked;
    const tab = mine.state.tab < 0 ? -1
      : its.data.asked.questions.findIndex(one => one.name === questions[mine.state.tab].name);
    const u = its.data.units.indexOf(mine.data.units[mine.state.u]);
    Object.assign(its.state, {
      w: windowOf(its, mine.data.windows[mine.state.w][0]), d: mine.state.d,
      tab: tab < 0 && mine.state.tab >= 0 ? its.state.tab : tab,
      u: $("units").checked && u >= 0 ? u : its.state.u,
    });
    telling = true;
    its.draw();
    telling = false;
  });
}

const frames = D.pages.map((page, k) => {
  const frame = document.createElement("iframe");
  frame.title = D.names[k];
  frame.srcdoc = page;
  $("pair").append(frame);
  return frame;
});
let loaded = 0;
frames.forEach(frame => frame.addEventListener("load", () => {
  loaded++;
  if (loaded < 2) return;
  follow(frames[0], frames[1]);
  follow(frames[1], frames[0]);
  document.body.dataset.ready = "yes";
}));
$("title").textContent = D.names.join(" and ");
$("about").replaceChildren(...D.runs.flatMap(said => [said, document.createElement("br")]), D.about);
table();
