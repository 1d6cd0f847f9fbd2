'use strict';
/* Replays the frames in #data: the plane, the figures, the curves. lab_live.js adds to it where a training is steered. */

const data = JSON.parse(document.getElementById('data').textContent);
const element = id => document.getElementById(id);
const plane = element('plane'), context = plane.getContext('2d');
const COLOURS = { real: '#1f8a3b', fake: '#a11fa8', sheet: '#5b2a86', arrows: '#c2410c', soft: '#6a707c', line: '#e4e7ec', js: '#3567d6', floor: '#98a0ae' };
const LOSS_COLOURS = ['#3567d6', '#c2410c', '#1f8a3b', '#a11fa8', '#7a5c00'];
const FRAME_MS = 80;
const layers = {};
const lab = { frames: [], at: 0, playing: false, timer: 0, real: unpack(data.real) };

function bytes(text) { return Uint8Array.from(atob(text), letter => letter.charCodeAt(0)); }
function unpack(text) { return new Int16Array(bytes(text).buffer); }
function opened(frame) {
  return { ...frame, fake: unpack(frame.fake), field: bytes(frame.field), arrows: unpack(frame.arrows), sheet: unpack(frame.sheet) };
}
function number(value, digits = 3) { return value === null || value === undefined ? '–' : Number(value).toFixed(digits); }

/* Places in the plane to pixels of the canvas. */
const scale = plane.width / (2 * data.window * data.unit);
const px = x => plane.width / 2 + x * scale, py = y => plane.height / 2 - y * scale;

function draw() {
  const frame = lab.frames[lab.at];
  context.clearRect(0, 0, plane.width, plane.height);
  if (frame && layers.field) drawField(frame.field);
  if (frame && layers.sheet) drawSheet(frame.sheet, frame.side);
  if (layers.real) drawPoints(lab.real, (x, y) => { context.moveTo(x + 5, y); context.arc(x, y, 5, 0, 2 * Math.PI); }, () => { context.lineWidth = 2; context.strokeStyle = COLOURS.real; context.stroke(); });
  if (frame && layers.fake) drawPoints(frame.fake, (x, y) => { context.moveTo(x + 4.5, y); context.arc(x, y, 4.5, 0, 2 * Math.PI); }, () => { context.globalAlpha = .85; context.fillStyle = COLOURS.fake; context.fill(); context.globalAlpha = 1; });
  if (frame && layers.arrows) drawArrows(frame);
}

function drawPoints(points, trace, paint) {
  context.beginPath();
  for (let i = 0; i < points.length; i += 2) trace(px(points[i]), py(points[i + 1]));
  paint();
}

/* Scores near "can't tell" are stretched, or a careful discriminator would be all white. */
function drawField(field) {
  const side = data.cells, small = document.createElement('canvas');
  small.width = small.height = side;
  const picture = small.getContext('2d').createImageData(side, side);
  const ends = [[222, 178, 229], [255, 255, 255], [168, 219, 180]];
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
    const raw = 2 * field[row * side + column] / 255 - 1, value = .5 + Math.sign(raw) * Math.sqrt(Math.abs(raw)) / 2, from = value < .5 ? 0 : 1, share = 2 * value - from;
    const at = 4 * ((side - 1 - row) * side + column);
    for (let c = 0; c < 3; c++) picture.data[at + c] = ends[from][c] + (ends[from + 1][c] - ends[from][c]) * share;
    picture.data[at + 3] = 255;
  }
  small.getContext('2d').putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, plane.width, plane.height);
}

/* The grid of noise as the generator bends it: cells are the darker, the more of them fall on one place. */
function drawSheet(sheet, side) {
  const at = i => [px(sheet[2 * i]), py(sheet[2 * i + 1])];
  context.strokeStyle = context.fillStyle = COLOURS.sheet;
  if (!side) {
    context.lineWidth = 3;
    context.beginPath();
    for (let i = 0; i < sheet.length / 2; i++) context.lineTo(...at(i));
    context.stroke();
    return;
  }
  const even = plane.width * plane.height / (side - 1) ** 2 / 6;
  for (let row = 0; row + 1 < side; row++) for (let column = 0; column + 1 < side; column++) {
    const i = row * side + column, corners = [i, i + 1, i + side + 1, i + side].map(at);
    const area = Math.abs(corners.reduce((sum, [x, y], n) => { const [u, v] = corners[(n + 1) % 4]; return sum + x * v - u * y; }, 0)) / 2;
    context.globalAlpha = Math.min(.55, .12 * even / (area + even / 12));
    context.beginPath();
    corners.forEach(corner => context.lineTo(...corner));
    context.fill();
  }
  context.globalAlpha = .75;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 0; i < side; i++) for (const along of [n => i * side + n, n => n * side + i])
    for (let n = 0; n < side; n++) context[n ? 'lineTo' : 'moveTo'](...at(along(n)));
  context.stroke();
  context.globalAlpha = 1;
}

/* Where the loss pushes each point. Lengths are squeezed: they differ by orders of magnitude. */
function drawArrows(frame) {
  context.strokeStyle = COLOURS.arrows;
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i < frame.arrows.length; i += 2) {
    const dx = frame.arrows[i] / data.unit, dy = frame.arrows[i + 1] / data.unit, length = Math.hypot(dx, dy);
    if (length < 1e-3) continue;
    const shown = 46 * Math.sqrt(Math.min(length, 4)) / 2 + 6, ux = dx / length, uy = -dy / length;
    const x = px(frame.fake[i]), y = py(frame.fake[i + 1]), tx = x + ux * shown, ty = y + uy * shown;
    context.moveTo(x, y);
    context.lineTo(tx, ty);
    context.moveTo(tx - 7 * ux + 4 * uy, ty - 7 * uy - 4 * ux);
    context.lineTo(tx, ty);
    context.lineTo(tx - 7 * ux - 4 * uy, ty - 7 * uy + 4 * ux);
  }
  context.stroke();
}

/* Curves. */
function drawCurve(id, lines, options = {}) {
  const canvas = element(id), c = canvas.getContext('2d'), left = 62, right = 10, top = 12, bottom = 26;
  const width = canvas.width - left - right, height = canvas.height - top - bottom;
  c.clearRect(0, 0, canvas.width, canvas.height);
  const values = lines.flatMap(line => line.values).filter(value => value !== null && value !== undefined);
  if (!values.length) return;
  const sorted = [...values].sort((a, b) => a - b), cut = part => sorted[Math.round(part * (sorted.length - 1))];
  let low = options.low ?? cut(.01), high = options.high ?? cut(.99) * (cut(.99) > 0 ? 1.05 : 1);
  high = Math.min(high, options.most ?? high);
  if (high - low < 1e-6) high = low + 1;
  const last = lab.frames[lab.frames.length - 1].step, x = step => left + step / last * width;
  const y = value => top + (1 - (Math.min(Math.max(value, low), high) - low) / (high - low)) * height;
  c.font = '20px system-ui, sans-serif';
  c.fillStyle = COLOURS.soft;
  c.strokeStyle = COLOURS.line;
  c.lineWidth = 1;
  c.textAlign = 'right';
  for (const value of [low, (low + high) / 2, high]) {
    c.beginPath(); c.moveTo(left, y(value)); c.lineTo(left + width, y(value)); c.stroke();
    c.fillText(Math.abs(value) >= 10 ? Math.round(value) : Number(value).toFixed(2), left - 8, y(value) + 7);
  }
  c.fillText(last.toLocaleString('en'), left + width, canvas.height - 5);
  c.textAlign = 'left';
  c.fillText('0', left, canvas.height - 5);
  for (const line of lines) {
    c.strokeStyle = line.colour;
    c.lineWidth = 2.5;
    c.setLineDash(line.dash || []);
    c.beginPath();
    let open = false;
    line.values.forEach((value, i) => {
      if (value === null || value === undefined) return;
      c[open ? 'lineTo' : 'moveTo'](x(lab.frames[i].step), y(value));
      open = true;
    });
    c.stroke();
  }
  c.setLineDash([]);
  c.strokeStyle = '#22252b';
  c.lineWidth = 1;
  const now = x(lab.frames[lab.at].step);
  c.beginPath(); c.moveTo(now, top); c.lineTo(now, top + height); c.stroke();
}

function legend(id, parts) {
  element(id).replaceChildren(...parts.flatMap(([text, colour], i) => {
    const word = document.createElement('b');
    word.textContent = text;
    word.style.color = colour;
    return i ? [document.createTextNode('  '), word] : [word];
  }));
}

function drawCurves() {
  const frame = lab.frames[lab.at], column = name => lab.frames.map(one => one[name]);
  drawCurve('js', [{ values: column('floor'), colour: COLOURS.floor, dash: [8, 6] }, { values: column('js'), colour: COLOURS.js }], { low: 0, most: 1 });
  legend('js-now', [[`generated ${number(frame.js)}`, COLOURS.js], [`floor ${number(frame.floor)}`, COLOURS.floor]]);
  const terms = [...new Set(lab.frames.flatMap(one => Object.keys(one.losses)))];
  /* Penalties are small beside the losses, and told in words only. */
  const drawn = terms.map((name, i) => ({ name, values: lab.frames.map(one => one.losses[name]), colour: LOSS_COLOURS[i % 5] }));
  drawCurve('losses', drawn.filter(line => ['discriminator', 'critic', 'generator'].includes(line.name)));
  legend('losses-now', terms.map((name, i) => [`${name} ${number(frame.losses[name], 2)}`, LOSS_COLOURS[i % 5]]));
  drawCurve('modes', [{ values: column('modes'), colour: COLOURS.js }], { low: 0, high: frame.modes_of || 1 });
  legend('modes-now', [[`${frame.modes ?? '–'} of ${frame.modes_of ?? '–'}`, COLOURS.js]]);
}

function tell() {
  const frame = lab.frames[lab.at], state = element('state');
  state.textContent = frame.note ? `${frame.state}. Note: ${frame.note}` : frame.state;
  state.className = frame.collapsed ? 'bad' : frame.js !== null && frame.js <= 2 * frame.floor ? 'good' : '';
  const facts = [['step', frame.step.toLocaleString('en')], ['divergence', number(frame.js)], ['floor', number(frame.floor)],
    ['modes', frame.modes === null ? '–' : `${frame.modes} of ${frame.modes_of}`], ['near the data', frame.near === null ? '–' : `${Math.round(100 * frame.near)} %`]];
  element('figures').replaceChildren(...facts.map(([name, value]) => {
    const box = document.createElement('div'), term = document.createElement('dt'), said = document.createElement('dd');
    term.textContent = name;
    said.textContent = value;
    box.append(term, said);
    return box;
  }));
  element('where').textContent = `step ${frame.step.toLocaleString('en')}`;
}

function show(index) {
  if (!lab.frames.length) return draw();
  lab.at = Math.min(Math.max(index, 0), lab.frames.length - 1);
  const slider = element('step');
  slider.max = lab.frames.length - 1;
  slider.value = lab.at;
  slider.setAttribute('aria-valuetext', `step ${lab.frames[lab.at].step}`);
  draw();
  tell();
  drawCurves();
}

function play(wanted) {
  if (wanted && lab.at === lab.frames.length - 1) show(0);
  lab.playing = wanted;
  element('play').textContent = wanted ? 'Pause' : 'Play';
  clearInterval(lab.timer);
  if (wanted) lab.timer = setInterval(() => { lab.at + 1 < lab.frames.length ? show(lab.at + 1) : play(false); }, FRAME_MS);
}

/* What lab_live.js exchanges for its own. */
lab.toggle = () => play(!lab.playing);
lab.seek = index => { play(false); show(index); };

element('play').addEventListener('click', () => lab.toggle());
element('step').addEventListener('input', event => lab.seek(Number(event.target.value)));
/* A link may say what it shows: page.html#step=800&show=real,fake,sheet */
const wish = new URLSearchParams(location.hash.slice(1));
document.querySelectorAll('[data-layer]').forEach(box => {
  if (wish.has('show')) box.checked = wish.get('show').split(',').includes(box.dataset.layer);
  layers[box.dataset.layer] = box.checked;
  box.addEventListener('change', () => { layers[box.dataset.layer] = box.checked; draw(); });
});
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('select, input:not([type=checkbox]):not([type=range]), button') && event.key !== 'Escape') return;
  const box = document.querySelectorAll('[data-layer]')[Number(event.key) - 1];
  const jumps = { ArrowLeft: lab.at - 1, ArrowRight: lab.at + 1, Home: 0, End: lab.frames.length - 1 };
  if (event.key === ' ' && !event.target.matches('[type=checkbox]')) lab.toggle();
  else if (event.key in jumps) lab.seek(jumps[event.key]);
  else if (box && event.key.trim()) box.click();
  else return;
  event.preventDefault();
});

element('title').textContent = data.title;
element('about').replaceChildren(...data.about.map(text => { const line = document.createElement('p'); line.textContent = text; return line; }));
lab.frames = data.frames.map(opened);
const wished = lab.frames.findIndex(frame => frame.step >= Number(wish.get('step')));
show(wish.has('step') && wished >= 0 ? wished : lab.frames.length - 1);
