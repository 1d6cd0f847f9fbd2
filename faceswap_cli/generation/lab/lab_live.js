
/* Steers a training that goes on while it is looked at: the server's frames come in, orders go out. */
const form = element('controls'), live = data.live, MOST_FRAMES = 1500;
let sequence = 0, running = true, drawn = null;

function say(text) { element('message').textContent = text; }

async function order(name, values = {}) {
  try {
    const answer = await fetch('order', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name, ...values }) });
    const told = await answer.json();
    say(told.error || '');
    if (!told.error) settle(told);
  } catch { say('The laboratory has ended. Start it again in the terminal.'); }
}

function settle(state) {
  running = state.running;
  element('play').textContent = running ? 'Pause' : 'Train';
  for (const [name, value] of Object.entries(state.settings)) {
    const field = form.elements[name];
    if (!field || field === document.activeElement) continue;
    if (field.tagName === 'SELECT' && ![...field.options].some(one => one.value === value)) field.add(new Option(value, value));
    field.value = value;
  }
  element('title').textContent = state.title;
}

async function follow() {
  for (;;) {
    try {
      const answer = await fetch(`frames?after=${sequence}`);
      const told = await answer.json();
      if (told.begun) { lab.frames = []; lab.real = unpack(told.real); }
      sequence = told.sequence;
      const atEnd = lab.at >= lab.frames.length - 1;
      lab.frames.push(...told.frames.map(opened));
      if (lab.frames.length > MOST_FRAMES) lab.frames = lab.frames.filter((_, i) => i % 2 || i === lab.frames.length - 1);
      settle(told.state);
      if (told.state.error) say(told.state.error);
      if (told.frames.length || told.begun) show(atEnd || told.begun ? lab.frames.length - 1 : lab.at);
    } catch {
      say('The laboratory has ended. Start it again in the terminal.');
      return;
    }
  }
}

for (const [name, words] of Object.entries(live.choices)) for (const word of words) form.elements[name].add(new Option(word, word));
form.addEventListener('submit', event => {
  event.preventDefault();
  const values = {};
  for (const field of form.elements) if (field.name) values[field.name] = field.type === 'number' ? Number(field.value) : field.value;
  order('change', { values });
});
document.querySelectorAll('[data-order]').forEach(button => button.addEventListener('click', () => order(button.dataset.order)));
lab.toggle = () => order(running ? 'pause' : 'play');
lab.seek = index => { if (running) order('pause'); show(index); };

/* One's own points: each stroke leaves points along its way. */
element('draw').addEventListener('click', () => {
  if (!drawn) {
    drawn = [];
    order('pause');
    document.body.classList.add('drawing');
    element('draw').textContent = 'Train on them';
    say('Draw on the picture; then train on it.');
    lab.real = new Int16Array(0);
    lab.frames = [];
    lab.at = 0;
    return draw();
  }
  const points = drawn;
  drawn = null;
  document.body.classList.remove('drawing');
  element('draw').textContent = 'Draw points';
  order('points', { points });
});
function stroke(event) {
  if (!drawn || !(event.buttons & 1)) return;
  const box = plane.getBoundingClientRect(), place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  for (let i = 0; i < 4; i++) {
    const spot = place.map((value, axis) => (axis ? -1 : 1) * (2 * value - 1) * data.window + .07 * (Math.random() - .5));
    if (drawn.length < live.most_points) drawn.push(spot);
  }
  lab.real = Int16Array.from(drawn.flat().map(value => Math.round(value * data.unit)));
  draw();
}
plane.addEventListener('pointerdown', stroke);
plane.addEventListener('pointermove', stroke);
follow();
