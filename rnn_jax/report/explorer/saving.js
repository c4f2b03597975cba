// A drawing in a file: as SVG, as PNG, and its numbers as CSV.
// A pen for the calls that drawings here make of a canvas, which writes SVG.
class SvgPen {
  constructor(name) {
    this.name = name;
    Object.assign(this, {
      fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, lineJoin: "miter",
      font: "", textAlign: "start", textBaseline: "alphabetic", imageSmoothingEnabled: true,
    });
    this.parts = [];
    this.path = "";
    this.turns = [];
    this.dashes = "";
    this.kept = [];
    this.clips = 0;
  }

  add(name, attributes, inside = "") {
    const said = Object.entries({ ...attributes, transform: this.turns.join(" ") })
      .filter(([, value]) => value !== "" && value !== undefined)
      .map(([key, value]) => ` ${key}="${escaped(typeof value === "number" ? round(value) : value)}"`);
    this.parts.push(`<${name}${said.join("")}>${inside}</${name}>`);
  }

  filled() {
    return { fill: this.fillStyle, "fill-opacity": this.globalAlpha };
  }

  lined() {
    return {
      fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth, "stroke-opacity": this.globalAlpha,
      "stroke-linejoin": this.lineJoin, "stroke-dasharray": this.dashes,
    };
  }

  beginPath() { this.path = ""; }
  closePath() { this.path += "Z"; }
  moveTo(x, y) { this.path += `M${round(x)} ${round(y)}`; }
  lineTo(x, y) { this.path += `${this.path ? "L" : "M"}${round(x)} ${round(y)}`; }
  rect(x, y, w, h) { this.path += `M${round(x)} ${round(y)}h${round(w)}v${round(h)}h${round(-w)}Z`; }
  quadraticCurveTo(a, b, x, y) { this.path += `Q${[a, b, x, y].map(round).join(" ")}`; }

  // a canvas joins an arc to where its path stands; a whole turn is two halves
  arc(x, y, r, a, b) {
    const end = Math.min(b, a + 2 * Math.PI);
    const at = t => `${round(x + r * Math.cos(t))} ${round(y + r * Math.sin(t))}`;
    const half = (a + end) / 2;
    const piece = t => `A${round(r)} ${round(r)} 0 0 1 ${at(t)}`;
    this.path += `${this.path && !this.path.endsWith("Z") ? "L" : "M"}${at(a)}${piece(half)}${piece(end)}`;
  }

  fill() { this.add("path", { d: this.path, ...this.filled() }); }
  stroke() { this.add("path", { d: this.path, ...this.lined() }); }
  fillRect(x, y, w, h) { this.add("rect", { ...upright(x, y, w, h), ...this.filled() }); }
  strokeRect(x, y, w, h) { this.add("rect", { ...upright(x, y, w, h), ...this.lined() }); }

  word(said, x, y, ink) {
    const anchor = { center: "middle", right: "end" }[this.textAlign] ?? "start";
    const drop = this.textBaseline === "middle" ? "0.35em" : "";
    this.add("text", { x, y, dy: drop, "text-anchor": anchor, ...ink }, escaped(said));
  }

  fillText(said, x, y) { this.word(said, x, y, this.filled()); }
  strokeText(said, x, y) { this.word(said, x, y, this.lined()); }
  measureText(said) { return ruler().measureText(said); }
  setLineDash(pattern) { this.dashes = pattern.join(" "); }
  translate(x, y) { this.turns.push(`translate(${round(x)} ${round(y)})`); }
  rotate(angle) { this.turns.push(`rotate(${round((angle * 180) / Math.PI)})`); }
  setTransform() {}
  clearRect() {}

  drawImage(image, x, y, w, h) {
    const link = image.toDataURL();
    this.add("image", {
      x, y, width: w, height: h, preserveAspectRatio: "none", style: "image-rendering: pixelated", href: link,
    });
  }

  clip() {
    const name = `${this.name}-clip${this.clips++}`;
    this.parts.push(`<clipPath id="${name}"><path d="${this.path}"/></clipPath><g clip-path="url(#${name})">`);
    this.kept[this.kept.length - 1].groups++;
  }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, dashes } = this;
    this.kept.push({ fillStyle, strokeStyle, lineWidth, globalAlpha, dashes, turns: [...this.turns], groups: 0 });
  }

  restore() {
    const { groups, ...before } = this.kept.pop();
    this.parts.push("</g>".repeat(groups));
    Object.assign(this, before);
  }
}

const round = x => Math.round(100 * x) / 100;
const escaped = said => String(said).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
// A canvas takes boxes of negative height, SVG does not.
const upright = (x, y, w, h) => ({
  x: Math.min(x, x + w), y: Math.min(y, y + h), width: Math.abs(w), height: Math.abs(h),
});

let measure = null;
function ruler() {
  measure ??= document.createElement("canvas").getContext("2d");
  measure.font = FONT;
  return measure;
}

// What a view draws on one canvas, as SVG.
function inSvg(id) {
  papers[id] = new SvgPen(id);
  draw();
  const { parts } = papers[id];
  delete papers[id];
  const { w, h } = drawn[id];
  draw();
  return { w, h, text: parts.join("") };
}

// The words and pictures of a legend, in lines of a width.
function legendSvg(id, width) {
  let [x, y] = [0, 0];
  const parts = [...($(id)?.children ?? [])].map(entry => {
    const long = 40 + ruler().measureText(entry.textContent).width;
    if (x && x + long > width) [x, y] = [0, y + 18];
    const picture = `<svg x="${round(x)}" y="${y}" width="26" height="14">${entry.querySelector("svg").innerHTML}</svg>`;
    const words = `<text x="${round(x + 31)}" y="${y + 11}" fill="${css("--ink")}">${escaped(entry.textContent)}</text>`;
    x += long;
    return picture + words;
  });
  const text = parts.join("").replace(/var\((--\w+)\)/g, (_, name) => css(name));
  return { h: parts.length ? y + 20 : 0, text };
}

function titleOf(id) {
  const whole = $("title").textContent;
  const { tab } = document.body.dataset;
  const asked = tab ? `, ${tab}` : "";
  return `${whole}${asked}: ${$(id).getAttribute("aria-label")}`;
}

// A whole picture: its title, the drawing, the bar of its colours, its legend.
function pictureOf(id) {
  const drawing = inSvg(id);
  const bar = $(id + "bar") ? inSvg(id + "bar") : { h: 0, text: "" };
  const said = legendSvg(id + "legend", drawing.w);
  const [W, H] = [drawing.w + 20, drawing.h + bar.h + said.h + 44];
  const at = (y, text) => `<g transform="translate(10 ${y})">${text}</g>`;
  const title = short(titleOf(id), Math.floor(drawing.w / 6.2));
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${W}" height="${H}" viewBox="0 0 ${W} ${H}" `
    + `color="${css("--ink")}" font-family="system-ui, sans-serif" font-size="11">`
    + `<rect width="100%" height="100%" fill="${css("--page")}"/>`
    + at(20, `<text font-weight="bold" fill="${css("--ink")}">${escaped(title)}</text>`)
    + at(32, drawing.text) + at(32 + drawing.h, bar.text) + at(36 + drawing.h + bar.h, said.text) + "</svg>";
  return { W, H, text };
}

// The page holds numbers in half precision: more digits would be none.
const cell = value => {
  const said = typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
  return /[",\r\n]/.test(said) ? `"${said.replaceAll('"', '""')}"` : said;
};
const csvOf = rows => rows.map(row => row.map(cell).join(",") + "\r\n").join("");

const SCALE = 2;
async function pngOf(id) {
  const { W, H, text } = pictureOf(id);
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SCALE * W, SCALE * H];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise(done => canvas.toBlob(done, "image/png"));
}

const blobs = {
  svg: id => new Blob([pictureOf(id).text], { type: "image/svg+xml" }),
  png: pngOf,
  csv: id => new Blob([csvOf(tables[id]())], { type: "text/csv" }),
};

async function saveAs(id, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await blobs[kind](id));
  link.download = `${$("title").textContent} ${id}.${kind}`.replace(/[^\w.-]+/g, "-");
  link.click();
  URL.revokeObjectURL(link.href);
}

// Below each drawing the buttons that keep it.
function savable(ids) {
  ids.forEach(id => {
    const row = document.createElement("div");
    row.className = "save";
    Object.keys(blobs).filter(kind => kind !== "csv" || tables[id]).forEach(kind => {
      const button = document.createElement("button");
      button.textContent = kind.toUpperCase();
      button.setAttribute("aria-label", `save as ${kind.toUpperCase()}: ${$(id).getAttribute("aria-label")}`);
      button.addEventListener("click", () => saveAs(id, kind));
      row.append(button);
    });
    const note = $(id + "note");
    if (note) note.after(row);
    else $(id).parentElement.append(row);
  });
}
window.rnn.pictureOf = pictureOf;
window.rnn.csv = id => csvOf(tables[id]());
