// How things are drawn: sheets, marks under the pointer, arrows, colours, axes.
// Colours of the style, looked up once: a lookup costs as much as a line.
const inks = new Map();
function css(name) {
  if (!inks.has(name)) {
    inks.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return inks.get(name);
}
const scheme = matchMedia("(prefers-color-scheme: dark)");
const dark = () => scheme.matches;
// The colours of the figures.
const EPOCHS = __EPOCHS__;
const colour = e => (e < 0 ? css("--muted") : EPOCHS[e % EPOCHS.length]);
const KINDS = ["unit", "input", "output"];

function number(x) {
  if (!Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  if (Math.abs(x) < 0.001 || Math.abs(x) >= 1e4) return x.toExponential(1);
  return x.toPrecision(3);
}
const share = x => (Number.isFinite(x) ? (Math.abs(x) < 0.005 ? 0 : x).toFixed(2) : "–");
// A text is cut before its end, where numbers stand.
function short(text, most) {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 3);
  return text.slice(0, most - 1 - tail) + "…" + text.slice(text.length - tail);
}

function quantile(values, q) {
  const sizes = Float32Array.from(values, Math.abs).filter(Number.isFinite).sort();
  if (!sizes.length) return 1;
  return sizes[Math.min(sizes.length - 1, Math.floor(q * sizes.length))] || sizes[sizes.length - 1] || 1;
}

// Effects alone have these colours: purple below 0, green above, by the root of the size.
function diverging(value) {
  if (!Number.isFinite(value)) return dark() ? [44, 49, 56] : [232, 234, 237];
  const size = Math.sqrt(Math.min(1, Math.abs(value)));
  const base = dark() ? [32, 36, 42] : [248, 248, 248];
  let end = value < 0 ? [118, 42, 131] : [0, 90, 50];
  if (dark()) end = value < 0 ? [214, 150, 228] : [110, 220, 150];
  return base.map((c, i) => Math.round(c + (end[i] - c) * size));
}
const rgb = c => `rgb(${c[0]},${c[1]},${c[2]})`;

const FONT = "11px system-ui, sans-serif";
// Pens that stand in for a canvas while its drawing is saved.
const papers = {};

// A canvas made ready: sizes in its own pixels, no marks yet.
function sheet(id, height) {
  const canvas = $(id);
  const scale = devicePixelRatio || 1;
  const w = canvas.clientWidth;
  const h = Math.round(typeof height === "function" ? height(w) : height);
  if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(h * scale)) {
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    canvas.style.height = h + "px";
  }
  const g = papers[id] ?? canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = FONT;
  g.globalAlpha = 1;
  drawn[id] = { marks: [], edges: [], w, h };
  return { id, g, w, h, ...drawn[id] };
}

// A mark is a place that answers to the pointer: a box, a disc, or the points of a line.
const mark = (s, place, tip, act) => s.marks.push({ ...place, tip, act });

function farFrom([a, b], [c, d], x, y) {
  const length = (c - a) ** 2 + (d - b) ** 2 || 1;
  const t = Math.max(0, Math.min(1, ((x - a) * (c - a) + (y - b) * (d - b)) / length));
  return Math.hypot(x - a - t * (c - a), y - b - t * (d - b));
}

// How well a mark fits the pointer, 0 for not at all: discs before lines before boxes.
function reaches(m, x, y) {
  if (m.r !== undefined) {
    // of discs that overlap the nearest one
    const far = Math.hypot(x - m.x, y - m.y) / (m.r + 3);
    return far <= 1 ? 4 - far : 0;
  }
  if (m.points) {
    const far = Math.min(...m.points.slice(1).map((p, k) => farFrom(m.points[k], p, x, y)));
    return far <= 5 ? 2.1 + 0.4 * (1 - far / 5) + 0.4 * (m.size || 0) : 0;
  }
  return x >= m.x && x < m.x + m.w && y >= m.y && y < m.y + m.h ? 2 : 0;
}

function markAt(id, x, y) {
  let best = null;
  let rank = 0;
  for (const m of drawn[id]?.marks ?? []) {
    const found = reaches(m, x, y);
    if (found && found >= rank) {
      best = m;
      rank = found;
    }
  }
  return best;
}

function showTip(text, x, y) {
  const tip = $("tip");
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = x + 14 + box.width > innerWidth ? x - 14 - box.width : x + 14;
  const top = y + 14 + box.height > innerHeight ? y - 14 - box.height : y + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, top) + "px";
}
const hideTip = () => { $("tip").hidden = true; };

const textOf = tip => (typeof tip === "function" ? tip() : tip);

// Where the pointer is on the canvas that has it: large maps find their cell by it.
const pointer = { x: 0, y: 0 };

// Pointer and keys of a canvas: hover shows, click chooses, arrows walk from mark to mark.
function listen(id, walks) {
  const canvas = $(id);
  let at = -1;
  const here = event => {
    const box = canvas.getBoundingClientRect();
    pointer.x = event.clientX - box.left;
    pointer.y = event.clientY - box.top;
    return [pointer.x, pointer.y];
  };
  canvas.addEventListener("pointermove", event => {
    const found = markAt(id, ...here(event));
    canvas.style.cursor = found && found.act ? "pointer" : "default";
    if (found) showTip(textOf(found.tip), event.clientX, event.clientY);
    else hideTip();
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("blur", hideTip);
  canvas.addEventListener("click", event => {
    const found = markAt(id, ...here(event));
    if (found && found.act) found.act();
  });
  if (!walks) return;
  canvas.addEventListener("keydown", event => {
    const marks = drawn[id]?.marks ?? [];
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!marks.length || (!step && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) at = (at + step + marks.length) % marks.length;
    const found = marks[Math.max(0, at)];
    if (event.key === "Enter" && found.act) found.act();
    const box = canvas.getBoundingClientRect();
    const [x, y] = found.points ? found.points[found.points.length >> 1] : [found.x, found.y];
    [pointer.x, pointer.y] = [x, y];
    showTip(textOf(found.tip), box.left + x, box.top + y);
  });
}

function text(g, said, x, y, align = "center", ink = "--muted", base = "middle") {
  g.fillStyle = css(ink);
  g.textAlign = align;
  g.textBaseline = base;
  g.fillText(said, x, y);
}

// Words that stay readable over lines.
function clearText(g, said, x, y, align, ink) {
  g.textAlign = align;
  g.textBaseline = "middle";
  g.lineWidth = 3.5;
  g.strokeStyle = css("--panel");
  g.lineJoin = "round";
  g.strokeText(said, x, y);
  text(g, said, x, y, align, ink);
}

// The head of a connection: an arrow where it pushes its receiver up, a bar where down, an open
// arrow where that differs over trials and steps.
function head(g, x, y, angle, size, kind) {
  g.beginPath();
  if (kind === "bar") {
    const [a, b] = [size * 0.75 * Math.sin(angle), size * 0.75 * Math.cos(angle)];
    g.moveTo(x - a, y + b);
    g.lineTo(x + a, y - b);
    g.stroke();
    return;
  }
  g.moveTo(x - size * Math.cos(angle - 0.42), y - size * Math.sin(angle - 0.42));
  g.lineTo(x, y);
  g.lineTo(x - size * Math.cos(angle + 0.42), y - size * Math.sin(angle + 0.42));
  if (kind === "open") return g.stroke();
  g.closePath();
  g.fill();
}

// A curved connection that ends at its receiver's border; returns points along it.
function curve(g, a, b, middle, stop, size, kind) {
  const angle = Math.atan2(b[1] - middle[1], b[0] - middle[0]);
  const end = [b[0] - stop * Math.cos(angle), b[1] - stop * Math.sin(angle)];
  g.beginPath();
  g.moveTo(...a);
  g.quadraticCurveTo(...middle, ...end);
  g.stroke();
  if (size) head(g, ...end, angle, size, kind);
  return range(13).map(k => {
    const t = k / 12;
    return [0, 1].map(i => (1 - t) ** 2 * a[i] + 2 * t * (1 - t) * middle[i] + t * t * end[i]);
  });
}

// A connection of a unit to itself: a loop outside the circle.
function loop(g, centre, at, radius, size, kind) {
  const out = Math.atan2(at[1] - centre[1], at[0] - centre[0]);
  const x = at[0] + radius * 1.7 * Math.cos(out);
  const y = at[1] + radius * 1.7 * Math.sin(out);
  g.beginPath();
  g.arc(x, y, radius, out + Math.PI + 0.75, out + Math.PI - 0.75 + 2 * Math.PI);
  g.stroke();
  const end = out + Math.PI - 0.75;
  head(g, x + radius * Math.cos(end), y + radius * Math.sin(end), end + Math.PI / 2, size, kind);
  return range(9).map(k => {
    const t = out + Math.PI + 0.75 + (k / 8) * (2 * Math.PI - 1.5);
    return [x + radius * Math.cos(t), y + radius * Math.sin(t)];
  });
}

// The shape of a unit: a diamond for a mediator, else a disc.
function shape(g, x, y, r, diamond) {
  g.beginPath();
  if (!diamond) {
    g.arc(x, y, r, 0, 7);
    return;
  }
  const d = r * 1.3;
  g.moveTo(x, y - d);
  g.lineTo(x + d, y);
  g.lineTo(x, y + d);
  g.lineTo(x - d, y);
  g.closePath();
}

function halo(g, x, y, r, diamond) {
  shape(g, x, y, r + 4, diamond);
  g.fillStyle = css("--chosen");
  g.fill();
}

// Round steps between a and b, at most so many.
function ticks(a, b, most) {
  const raw = Math.max(1, (b - a) / Math.max(1, most));
  const grain = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].find(k => k * grain >= raw) * grain);
  const found = [];
  for (let t = Math.ceil(a / step) * step; t <= b; t += step) found.push(t);
  return found;
}

// A bar of the colours of effects from -top to top, with what it measures.
function colourBar(id, top, said) {
  const s = sheet(id, 34);
  const wide = Math.min(180, s.w - 20);
  for (let k = 0; k < wide; k++) {
    s.g.fillStyle = rgb(diverging((2 * k) / (wide - 1) - 1));
    s.g.fillRect(12 + k, 4, 1.5, 10);
  }
  [[-1, 12], [0, 12 + wide / 2], [1, 12 + wide]].forEach(([v, x], k) =>
    text(s.g, number(v * top), x, 24, ["left", "center", "right"][k]));
  text(s.g, said, 20 + wide, 9, "left");
}

// Legends are small pictures with words; the words are the page's own.
function legend(id, entries) {
  $(id).replaceChildren(...entries.map(([picture, words]) => {
    const entry = document.createElement("span");
    entry.innerHTML = `<svg width="26" height="14" viewBox="0 0 26 14" aria-hidden="true">${picture}</svg>`;
    entry.append(words);
    return entry;
  }));
}
const INK = 'stroke="currentColor" fill="none" stroke-width="1.6"';
const UP = `<path d="M2 7H20" ${INK}/><path d="M25 7L17 3V11Z" fill="currentColor"/>`;
const DOWN = `<path d="M2 7H22M23 2V12" ${INK}/>`;
const OPEN = `<path d="M2 7H24M17 3L25 7L17 11" ${INK}/>`;
const OWN = `<path d="M9 11A5 5 0 1 1 17 11" ${INK}/><path d="M20 8L15 14L13 8Z" fill="currentColor"/>`;
const DIAMOND = '<path d="M13 1L19 7L13 13L7 7Z" fill="currentColor"/>';
const RING = `<circle cx="13" cy="7" r="4.5" ${INK}/>`;
const MEMBER = '<circle cx="13" cy="7" r="5" fill="var(--line)" stroke="currentColor" stroke-width="2"/>';
const FAINT = '<circle cx="13" cy="7" r="3.5" fill="none" stroke="var(--muted)" stroke-width="0.9"/>';
const DOT = '<circle cx="13" cy="7" r="2" fill="currentColor" opacity="0.5"/>';
const HALO = '<circle cx="13" cy="7" r="6.5" fill="var(--chosen)"/><circle cx="13" cy="7" r="3" fill="currentColor"/>';
const dash = (ink, pattern = "", wide = 2) =>
  `<path d="M1 7H25" stroke="${ink}" stroke-width="${wide}" stroke-dasharray="${pattern}"/>`;
const box = ink => `<rect x="4" y="2" width="18" height="10" fill="${ink}"/>`;
