"use strict";
// The review sheet's script. The first part (sheet) is arithmetic on the page's data; the second shows it.

const sheet = {
  HEAD: 40, // height of a track's heading in pixels
  CAPTION: 26, // what stands below a picture
  GAP: 6,
  REST: 60, // milliseconds a row is in view before its pictures are read: those flown past are not
  POOR: 25, // crops of less quality, in hundredths, are marked
  STATES: ["lids", "mouth", "gaze"], // what only sets with dense points know

  // Places of the crops that pass the filters, in the order of the data.
  // wanted: {source, track, quality, sharpness, yaw, size: null or a number; doubt, ticked: booleans}
  select(data, wanted, ticked) {
    const found = [];
    for (let i = 0; i < data.files.length; i++) {
      const track = data.tracks[data.track[i]];
      if (wanted.source !== null && track.source !== wanted.source) continue;
      if (wanted.track !== null && track.number !== wanted.track) continue;
      if (wanted.quality !== null && data.quality[i] > wanted.quality * 100) continue;
      if (wanted.sharpness !== null && data.sharpness[i] > wanted.sharpness * 100) continue;
      if (wanted.yaw !== null && Math.abs(data.yaw[i]) < wanted.yaw) continue;
      if (wanted.size !== null && data.size[i] > wanted.size) continue;
      if (wanted.doubt && !track.doubt) continue;
      if (wanted.ticked && !ticked.has(data.files[i])) continue;
      found.push(i);
    }
    return found;
  },

  // The same places in an order. Equal ones stay in the order of the data.
  arrange(data, places, order, reverse) {
    const before = sheet.comparison(data, order);
    const sorted = before ? places.slice().sort(before) : places.slice();
    return reverse ? sorted.reverse() : sorted;
  },

  comparison(data, order) {
    if (order === "worst") return null;
    if (order === "file") return (a, b) => (data.files[a] < data.files[b] ? -1 : 1);
    if (order === "track") {
      const of = (i) => data.tracks[data.track[i]];
      return (a, b) =>
        of(a).source - of(b).source || of(a).number - of(b).number || data.time[a] - data.time[b] || a - b;
    }
    const column = data[order];
    return (a, b) => column[a] - column[b] || a - b;
  },

  grouped(order) {
    return order === "worst" || order === "track";
  },

  // Rows of the page: {from, to} into `places`; a heading has its track and as `to` where the track ends.
  // tops[k] is where row k begins, in pixels; the last entry is the whole height.
  rows(data, places, columns, tile, grouped) {
    const rows = [];
    const tops = [0];
    const add = (row, height) => {
      rows.push(row);
      tops.push(tops[tops.length - 1] + height);
    };
    let from = 0;
    while (from < places.length) {
      let end = places.length;
      if (grouped) {
        const track = data.track[places[from]];
        end = from;
        while (end < places.length && data.track[places[end]] === track) end++;
        add({ from, to: end, track }, sheet.HEAD);
      }
      for (let start = from; start < end; start += columns) {
        add({ from: start, to: Math.min(start + columns, end), track: null }, tile + sheet.CAPTION);
      }
      from = end;
    }
    return { rows, tops };
  },

  // The row at height y.
  rowAt(tops, y) {
    let low = 0;
    let high = tops.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (tops[middle] <= y) low = middle;
      else high = middle;
    }
    return low;
  },

  link(data, place) {
    return data.folder + encodeURIComponent(data.files[place]);
  },

  // What stands under a picture: the figure they are sorted by, and which frame and face it is.
  caption(data, place, order) {
    const hundredths = ["quality", "sharpness", "score", "confidence", ...sheet.STATES];
    const whole = ["size", "yaw", "pitch", "roll"];
    const which = data.files[place].replace(/\.jpg$/, "").split("_").slice(-2).join("_");
    if (whole.includes(order)) return `${data[order][place]} · ${which}`;
    const column = hundredths.includes(order) ? order : "quality";
    return `${(data[column][place] / 100).toFixed(2)} · ${which}`;
  },

  list(data, ticked) {
    return data.files.filter((file) => ticked.has(file)).join("\n") + "\n";
  },
};

function start(data) {
  const find = (id) => document.getElementById(id);
  const grid = find("grid");
  const ticked = remembered();
  const shown = new Map(); // row number -> element
  let places = [];
  let layout = { rows: [], tops: [0] };
  let last = null; // place in `places` that was ticked last, for ranges
  let due = false;
  let width = 0; // of the grid, when it was laid out

  function make(kind, props, ...children) {
    const element = Object.assign(document.createElement(kind), props);
    element.append(...children);
    return element;
  }

  // Ticks outlive a reload by the page's place in the history, and a closed page by the browser's storage; that may
  // be off for files, or answer with what stood there before.
  function remembered() {
    const there = new Set(data.files);
    try {
      const kept = history.state ?? JSON.parse(localStorage.getItem("faceswap:" + location.pathname) || "[]");
      return new Set(kept.filter((file) => there.has(file)));
    } catch {
      return new Set();
    }
  }

  function remember() {
    try {
      history.replaceState([...ticked], "");
      localStorage.setItem("faceswap:" + location.pathname, JSON.stringify([...ticked]));
    } catch {
      // full or forbidden: the ticks live as long as the page
    }
  }

  function number(id) {
    const value = find(id).valueAsNumber;
    return Number.isNaN(value) ? null : value;
  }

  function arrange() {
    const wanted = {
      source: find("source").value === "" ? null : Number(find("source").value),
      doubt: find("doubt").checked,
      ticked: find("ticked").checked,
    };
    for (const id of ["track", "quality", "sharpness", "yaw", "size"]) wanted[id] = number(id);
    const order = find("order").value;
    places = sheet.arrange(data, sheet.select(data, wanted, ticked), order, find("reverse").checked);
    last = null;
    lay();
  }

  function lay() {
    const tile = Number(find("tile").value);
    document.documentElement.style.setProperty("--tile", tile + "px");
    width = grid.clientWidth;
    const columns = Math.max(1, Math.floor((width + sheet.GAP) / (tile + sheet.GAP)));
    layout = sheet.rows(data, places, columns, tile, sheet.grouped(find("order").value));
    grid.style.height = layout.tops[layout.tops.length - 1] + "px";
    for (const element of shown.values()) element.remove();
    shown.clear();
    tell();
    draw();
  }

  function tell() {
    find("count").textContent = `${places.length} of ${data.files.length} shown, ${ticked.size} ticked`;
    for (const id of ["save", "copy"]) find(id).disabled = !ticked.size;
  }

  // Build the rows in view and a little beyond, drop the others.
  function draw() {
    due = false;
    const top = -grid.getBoundingClientRect().top;
    const first = sheet.rowAt(layout.tops, top - innerHeight / 2);
    const end = Math.min(layout.rows.length, sheet.rowAt(layout.tops, top + innerHeight * 1.5) + 1);
    for (const [row, element] of shown) {
      if (row >= first && row < end) continue;
      element.remove();
      shown.delete(row);
    }
    for (let row = first; row < end; row++) {
      if (shown.has(row)) continue;
      const element = build(layout.rows[row]);
      element.style.top = layout.tops[row] + "px";
      shown.set(row, element);
      grid.append(element);
      setTimeout(load, sheet.REST, element);
    }
  }

  function load(row) {
    if (!row.isConnected) return;
    for (const picture of row.querySelectorAll("img")) picture.src = picture.dataset.link;
  }

  function soon() {
    if (!due) requestAnimationFrame(draw);
    due = true;
  }

  function build(row) {
    if (row.track !== null) return heading(row);
    const tiles = [];
    for (let k = row.from; k < row.to; k++) tiles.push(tile(k));
    return make("div", { className: "row" }, ...tiles);
  }

  function heading(row) {
    const track = data.tracks[row.track];
    const parts = [make("h2", { textContent: track.name }), make("small", { textContent: track.about })];
    if (track.doubt) parts.push(make("small", { className: "doubt", textContent: "doubtful: " + track.doubt }));
    const button = make("button", { type: "button", textContent: "tick these" });
    button.onclick = () => tick(row.from, row.to, true);
    const element = make("div", { className: "row head", title: track.about }, ...parts, button);
    element.style.height = sheet.HEAD + "px";
    return element;
  }

  function tile(k) {
    const place = places[k];
    const file = data.files[place];
    const link = sheet.link(data, place);
    const picture = make("img", { alt: "", decoding: "async" });
    picture.dataset.link = link;
    picture.onerror = () => (picture.alt = "can't be shown");
    const box = make("input", { type: "checkbox", checked: ticked.has(file) });
    box.setAttribute("aria-label", "tick " + file);
    box.onclick = (event) => {
      const from = event.shiftKey && last !== null ? last : k;
      last = k;
      tick(Math.min(from, k), Math.max(from, k) + 1, box.checked);
    };
    const caption = sheet.caption(data, place, find("order").value);
    const element = make(
      "div",
      { className: "tile", title: about(place) },
      make("a", { href: link, target: "_blank", rel: "noopener" }, picture),
      make("label", {}, box, make("span", { textContent: caption })),
    );
    element.dataset.place = place;
    element.classList.toggle("ticked", box.checked);
    element.classList.toggle("doubtful", Boolean(data.tracks[data.track[place]].doubt));
    element.classList.toggle("poor", data.quality[place] < sheet.POOR);
    return element;
  }

  function about(place) {
    const track = data.tracks[data.track[place]];
    const share = (name) => `${name} ${(data[name][place] / 100).toFixed(2)}`;
    const lines = [
      data.files[place],
      track.name,
      ["quality", "sharpness", "score", "confidence"].map(share).join(", "),
      `size ${data.size[place]} px, yaw ${data.yaw[place]}, pitch ${data.pitch[place]}, roll ${data.roll[place]}`,
    ];
    if (sheet.STATES.every((name) => data[name])) lines.push(sheet.STATES.map(share).join(", "));
    if (track.doubt) lines.push("doubtful: " + track.doubt);
    return lines.join("\n");
  }

  function tick(from, to, on) {
    for (let k = from; k < to; k++) {
      if (on) ticked.add(data.files[places[k]]);
      else ticked.delete(data.files[places[k]]);
    }
    for (const element of grid.querySelectorAll(".tile")) {
      const is = ticked.has(data.files[element.dataset.place]);
      element.classList.toggle("ticked", is);
      element.querySelector("input").checked = is;
    }
    remember();
    tell();
  }

  function save() {
    const link = make("a", {
      href: URL.createObjectURL(new Blob([sheet.list(data, ticked)], { type: "text/plain" })),
      download: "list.txt",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function copy() {
    // The clipboard's newer interface is closed to pages from the disk in some browsers.
    const area = make("textarea", { value: sheet.list(data, ticked) });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  function clear() {
    for (const id of ["source", "track", "quality", "sharpness", "yaw", "size"]) find(id).value = "";
    for (const id of ["doubt", "ticked"]) find(id).checked = false;
    arrange();
  }

  for (const [id, name] of data.sources) find("source").append(make("option", { value: id, textContent: name }));
  find("order").querySelector("[value=file]").hidden = !data.sorted;
  for (const name of sheet.STATES) if (!data[name]) find("order").querySelector(`[value=${name}]`).remove();
  find("order").value = data.sorted ? "file" : "worst";
  find("doubt-label").hidden = !data.tracks.some((track) => track.doubt);
  const filters = ["order", "reverse", "source", "track", "quality", "sharpness", "yaw", "size", "doubt", "ticked"];
  for (const id of filters) find(id).oninput = arrange;
  find("tile").oninput = lay;
  find("clear").onclick = clear;
  find("tick-all").onclick = () => tick(0, places.length, true);
  find("untick-all").onclick = () => tick(0, places.length, false);
  find("save").onclick = save;
  find("copy").onclick = copy;
  addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(() => grid.clientWidth !== width && lay()).observe(grid);
  document.documentElement.classList.add("live"); // shows the controls
  arrange();
}

if (typeof module !== "undefined") module.exports = sheet;
else start(JSON.parse(document.getElementById("data").textContent));
