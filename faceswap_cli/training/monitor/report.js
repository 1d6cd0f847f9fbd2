'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const figure = (row, name) => { const k = data.figures.indexOf(name); return k < 0 ? null : row[2 + k]; };

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  return Object.assign(made, attributes || {});
}
const about = seconds => seconds < 120 ? Math.round(seconds) + ' s' : (seconds / 60).toFixed(seconds < 600 ? 1 : 0) + ' min';
function duration(seconds) {
  const whole = Math.round(seconds), two = value => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600), rest = two(Math.floor(whole / 60) % 60) + ':' + two(whole % 60);
  return hours ? hours + ':' + rest : rest.replace(/^0/, '');
}
const percent = value => Math.round(100 * value) + ' %';

/* How values are written; the charts themselves are told by the page's data (figures.py). A landmark or
   sharpness figure says nothing while there is hardly a face: such points are neither drawn nor taken for the best. */
const UNITS = {
  share: percent, percent: v => v.toFixed(1) + ' %', years: v => v.toFixed(1) + ' years', number: v => v.toPrecision(3),
};
const CHARTS = data.charts.map(one => ({
  ...one, low: one.low ?? undefined, tall: one.tall ?? undefined, losses: one.name === 'loss', text: UNITS[one.unit],
}));

function drawnFrom() {
  if (!data.figures.includes('mask')) return 0;
  const first = data.measures.findIndex(row => { const mask = figure(row, 'mask'); return mask !== null && mask < .15; });
  return first < 0 ? data.measures.length : first;
}
const settled = drawnFrom();
const points = chart => data.measures
  .filter((row, k) => figure(row, chart.name) !== null && (!chart.settled || k >= settled))
  .map(row => [row[0], row[1], figure(row, chart.name), figure(row, 'likeness')]);
/* Expressions are kept best while nothing is swapped: the best is looked for where the likeness is there. */
const likest = Math.max(0, ...data.measures.map(row => figure(row, 'likeness') || 0));

function tiles() {
  const last = data.measures[data.measures.length - 1];
  const add = (value, label) => {
    const tile = element('div', null, { className: 'tile' });
    tile.append(element('b', value), element('span', label));
    $('tiles').append(tile);
  };
  if (last) {
    for (const chart of CHARTS.slice(1)) {
      const value = figure(last, chart.name);
      const known = value !== null && (!chart.settled || data.measures.length > settled);
      add(known ? chart.text(Math.max(value, 0)) : '…', chart.tile);
    }
  }
  add(data.step.toLocaleString('en'), 'steps');
  add(duration(data.seconds), 'trained');
  add(Math.round(data.images_per_second).toLocaleString('en'), 'faces a second');
  const left = data.done ? 'done' : data.left.replace(/ left$/, '');
  add(data.done ? 'done' : /^[\d:]+$/.test(left) ? left : 'open', data.done ? '' : /^[\d:]+$/.test(left) ? 'left' : left);
}

/* Curves */
const WIDE = 520, HIGH = 230, LEFT = 46, RIGHT = 14, TOP = 12, BOTTOM = 26;

function svg(name, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function ticks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(k => k * power).find(value => value >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step || 0);  /* never -0 */
  return found;
}
const at = axis => row => axis === 'steps' ? row[0] : row[1] / 60;
function secondsAt(step) {
  const known = data.losses.find(row => row[0] >= step) || data.losses[data.losses.length - 1];
  return known ? known[1] : 0;
}

function draw(chart, axis) {
  const figure = element('figure'), caption = element('figcaption', chart.title);
  caption.append(element('small', chart.about));
  const held = points(chart), trained = chart.losses ? data.losses.filter(row => row[2] !== null) : [];
  figure.append(caption);
  if (held.length + trained.length < 2) {
    figure.append(element('p', 'Nothing to draw yet.', { className: 'hint' }));
    return figure;
  }
  const x = at(axis), all = held.concat(trained), values = all.map(row => row[2]).sort((a, b) => a - b);
  /* A loss falls by a factor of twenty within a minute: that would flatten all that follows. */
  let high = chart.losses ? Math.min(values[values.length - 1], 3 * values[Math.floor(values.length / 2)]) : Math.max(values[values.length - 1], chart.tall || 0);
  let low = chart.low !== undefined ? Math.min(chart.low, values[0]) : values[0];
  const spare = (high - low || 1) * .1;
  high += spare;
  if (chart.low === undefined || low < chart.low) low -= spare;
  const end = Math.max(...data.losses.concat(data.measures).map(x), 1e-6);
  const px = value => LEFT + (WIDE - LEFT - RIGHT) * value / end;
  const py = value => TOP + (HIGH - TOP - BOTTOM) * (high - Math.min(value, high)) / (high - low);
  const root = svg('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': chart.title });
  for (const value of ticks(low, high, 5)) {
    root.append(svg('line', { class: 'grid', x1: LEFT, x2: WIDE - RIGHT, y1: py(value), y2: py(value) }));
    root.append(svg('text', { x: LEFT - 6, y: py(value) + 4, 'text-anchor': 'end' }, chart.text(value)));
  }
  for (const value of ticks(0, end, 6)) {
    root.append(svg('text', { x: px(value), y: HIGH - 8, 'text-anchor': 'middle' }, value.toLocaleString('en')));
  }
  if (data.closing_from !== null) {
    const from = px(x([data.closing_from, secondsAt(data.closing_from)]));
    root.append(svg('rect', { class: 'closing', x: from, y: TOP, width: Math.max(WIDE - RIGHT - from, 0), height: HIGH - TOP - BOTTOM }));
  }
  if (data.since !== null) {
    const place = px(x([data.since, secondsAt(data.since)]));
    root.append(svg('line', { class: 'since', x1: place, x2: place, y1: TOP, y2: HIGH - BOTTOM }));
    const late = place > WIDE * .75, y = chart.best < 0 ? TOP + 12 : HIGH - BOTTOM - 6;
    root.append(svg('text', { class: 'since', x: place + (late ? -4 : 4), y, 'text-anchor': late ? 'end' : 'start' }, 'level since here'));
  }
  const line = rows => rows.map((row, k) => (k ? 'L' : 'M') + px(x(row)).toFixed(1) + ' ' + py(row[2]).toFixed(1)).join('');
  if (trained.length) root.append(svg('path', { class: 'thin', d: line(trained) }));
  if (held.length) {
    root.append(svg('path', { class: 'curve', d: line(held) }));
    if (held.length < 60) for (const row of held) root.append(svg('circle', { class: 'dot', cx: px(x(row)), cy: py(row[2]), r: 2.2 }));
    const ripe = chart.ripe ? held.filter(row => row[3] >= .8 * likest) : held;
    const best = (ripe.length ? ripe : held).reduce((a, b) => chart.best * b[2] > chart.best * a[2] ? b : a);
    const end = px(x(best)) > WIDE * .8;
    root.append(svg('circle', { class: 'best', cx: px(x(best)), cy: py(best[2]), r: 4.5 }));
    const below = chart.best < 0 ? py(best[2]) + 17 > HIGH - BOTTOM : py(best[2]) - 9 > TOP + 8;
    root.append(svg('text', { class: 'best', x: px(x(best)) + (end ? 0 : 6), y: py(best[2]) + (below ? -9 : 17), 'text-anchor': end ? 'end' : 'start' }, 'best ' + chart.text(best[2])));
  }
  figure.append(root);
  return figure;
}
/* What was chosen outlives a reload with the page's place in the history: storage may be off or late for files. */
const kept = () => history.state || {};
const keep = chosen => history.replaceState({ ...kept(), ...chosen }, '');
function charts() {
  const axis = document.querySelector('input[name=axis]:checked').value;
  keep({ axis });
  $('charts').replaceChildren(...CHARTS.map(chart => draw(chart, axis)));
}

/* Previews */
function show(index, chosen) {
  const [step, file] = data.previews[index];
  $('picture').src = $('full').href = file;
  $('slider').value = index;
  $('when').textContent = `step ${step.toLocaleString('en')}, after ${duration(secondsAt(step))}`;
  [...$('strip').children].forEach((button, k) => button.setAttribute('aria-pressed', k === index));
  if (chosen) keep({ preview: index === data.previews.length - 1 ? null : step });
}
function previews() {
  if (!data.previews.length) return;
  $('pictures').hidden = false;
  $('slider').max = data.previews.length - 1;
  data.previews.forEach(([step], index) => {
    const button = element('button', about(secondsAt(step)), { title: `step ${step.toLocaleString('en')}` });
    button.addEventListener('click', () => show(index, true));
    $('strip').append(button);
  });
  $('slider').addEventListener('input', () => show(Number($('slider').value), true));
  document.addEventListener('keydown', event => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key], index = Number($('slider').value) + move;
    if (!move || event.target.tagName === 'INPUT' || index < 0 || index >= data.previews.length) return;
    show(index, true);
  });
  const wanted = data.previews.findIndex(([step]) => step === kept().preview);
  show(wanted < 0 ? data.previews.length - 1 : wanted);
}

function people() {
  const put = data.people.filter(one => one.likeness !== undefined);
  if (put.length < 2) return;
  $('several').hidden = false;
  const row = (cells, tag) => { const made = element('tr'); made.append(...cells.map(cell => element(tag, cell))); return made; };
  $('people').append(row(['', ...CHARTS.slice(1).map(chart => chart.title)], 'th'));
  for (const one of put) {
    $('people').append(row([`${one.id}: ${one.name}`, ...CHARTS.slice(1).map(chart => one[chart.name] === null ? '' : chart.text(one[chart.name]))], 'td'));
  }
}

const saved = document.querySelector(`input[name=axis][value="${kept().axis || 'minutes'}"]`);
if (saved) saved.checked = true;
for (const radio of document.querySelectorAll('input[name=axis]')) radio.addEventListener('change', charts);
tiles();
previews();
charts();
people();
$('foot').textContent = `As of ${data.written}. ${data.held[0].toUpperCase() + data.held.slice(1)}.`;
if (data.refresh) setTimeout(() => location.reload(), 1000 * Math.max(data.refresh, 5));
