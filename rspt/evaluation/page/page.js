"use strict";

// The page is made by `rspt evaluate`; everything that it shows is in it.

const SVG = "http://www.w3.org/2000/svg";
const AGENT_COLORS = ["#2f6fde", "#e08a00", "#1f9e6e", "#c2508f", "#d2502c", "#4aa8d8", "#8a63c9", "#8c7a3d"];
const VISIBLE = 1, CONTACT = 2, STEPS_PER_FRAME = 2, STEP_S = 0.1, FILM_FPS = 10, VIEW_RANGE_M = 8, VIEW_HALF = Math.PI / 4;
const BODY_M = 0.25, RAYS = 90, LARGE_M = 34, WINDOW_M = 24, PIXELS_PER_M = 24, PIXELS_MOST = 3600;
const $ = (id) => document.getElementById(id);

const state = { condition: 0, agent: 0, ground: -1, episode: -1, frame: 0, playing: false, speed: 2, last: 0 };
let data, blob, agents, track = null, layoutShapes = new Map();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function svg(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

async function unpacked(id) {
  const text = atob($(id).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colorOf = (agent) => AGENT_COLORS[agent % AGENT_COLORS.length];
const conditionNames = () => Object.keys(data.conditions);
const rowsOf = (condition) => data.summary.rows.filter((row) => row.condition === conditionNames()[condition]);
const isSummed = (ground) => /^all( |$)/.test(ground); // a row over several layouts
const tableHead = (heads) => element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { text, scope: "col" }))));
const overall = (condition, agent) => {
  const rows = rowsOf(condition).filter((row) => row.agent === agents[agent]);
  return rows.find((row) => row.ground === "all") || rows[0];
};
const fixed = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−"));
const share = (value) => `${Math.round(100 * value)} %`;

function episodesOf(agent, condition, ground) {
  return data.episodes
    .map((episode, index) => ({ ...episode, index }))
    .filter((e) => (agent < 0 || e.agent === agent) && e.condition === condition && (ground < 0 || e.ground === ground));
}

// ---- what is read first ------------------------------------------------------------------------------------------

const CHANGES = {
  depth_sigma: "depth noise", mask_miss_rate: "mask misses", odometry_drift: "odometry drift",
  latency_steps: "steps of latency", camera_height_m: "m camera height", hfov_deg: "° field of view",
  layout_density: "times the clutter",
};

function describeCondition(condition) {
  const parts = [`target ${condition.target}`, `speed ratio ${condition.speed_ratio}`];
  if (condition.noise !== "none") parts.push(`${condition.noise} noise`);
  if (condition.distractors) parts.push(`${condition.distractors} look-alikes`);
  if (condition.mask !== "identity") parts.push(`${condition.mask} mask`);
  if (condition.localizer !== "mask") parts.push(`${condition.localizer} localizer`);
  for (const [name, what] of Object.entries(CHANGES)) {
    if (condition[name] !== undefined) parts.push(`${condition[name]} ${what}`);
  }
  return parts.join(", ");
}

function showLead() {
  const row = overall(state.condition, 0);
  const [value, low, high] = row.measures.success;
  const maps = data.grounds.every((ground) => ground.hash), many = data.grounds.length;
  const where = many === 1 ? data.grounds[0].label : `${many} ${maps ? "maps of buildings" : "kinds of layouts"}`;
  $("title").textContent = data.title;
  $("lead").textContent =
    `${row.agent} kept its target to the end in ${share(value)} of ${row.n} episodes (95 % interval ${share(low)} to ` +
    `${share(high)}) in ${where}: ${describeCondition(Object.values(data.conditions)[state.condition])}.`;
}

function showConditions() {
  const box = $("conditions");
  box.replaceChildren();
  if (conditionNames().length === 1) return;
  conditionNames().forEach((name, index) => {
    box.append(element("button", {
      type: "button", text: name.replaceAll("_", " "), "aria-pressed": String(index === state.condition),
      title: describeCondition(data.conditions[name]),
      onclick: () => { state.condition = index; showAll(); },
    }));
  });
}

const COLUMNS = [
  ["Agent", null],
  ["Kept to the end (SR)", (m) => [fixed(m.success[0], 2), `[${fixed(m.success[1], 2)}, ${fixed(m.success[2], 2)}]`]],
  ["Untouched", (m) => [fixed(m.success_safe[0], 2), `[${fixed(m.success_safe[1], 2)}, ${fixed(m.success_safe[2], 2)}]`]],
  ["Return (AR)", (m) => [fixed(m.episode_return[0], 0), `[${fixed(m.episode_return[1], 0)}, ${fixed(m.episode_return[2], 0)}]`]],
  ["Steps (EL)", (m) => [fixed(m.length[0], 0)]],
  ["Visible", (m) => [fixed(m.visible_share[0], 3)]],
  ["Distance error (m)", (m) => [fixed(m.mean_distance_error_m[0], 2)]],
  ["Bearing error (°)", (m) => [fixed((m.mean_bearing_error_rad[0] * 180) / Math.PI, 1)]],
  ["Contacts per 100 m", (m) => [m.contacts_per_100m ? fixed(m.contacts_per_100m[0], 2) : "–"]],
];

function showTable() {
  const cost = data.run.milliseconds_per_action || {};
  const heads = [...COLUMNS.map(([head]) => head), "Worst layouts", "ms per action", "Training steps", "CPU hours"];
  const body = agents.map((name, agent) => {
    const row = overall(state.condition, agent);
    if (!row) return element("tr", {}, element("td", { text: name }));
    const first = element("td", {}, swatch(agent), name);
    if (row.trained_on !== "unseen") first.append(element("span", { class: "mark", text: row.trained_on === "seen" ? "trained on these layouts" : "training unknown" }));
    if (data.summary.agents[name].privileged) first.append(element("span", { class: "mark", text: "knows the truth" }));
    const cells = COLUMNS.slice(1).map(([, told]) => {
      const [value, of] = told(row.measures);
      return element("td", {}, value, ...(of ? [" ", element("span", { class: "of", text: of })] : []));
    });
    const worst = row.worst && row.worst[1] < row.measures.success[0] ? `${row.worst[0]} ${fixed(row.worst[1], 2)}` : "–";
    const record = data.summary.agents[name].record || {};
    const hours = record.cpu_hours ? fixed(Number(record.cpu_hours), Number(record.cpu_hours) < 0.95 ? 2 : 1) : "–";
    const more = [worst, cost[name] == null ? "–" : fixed(cost[name], 1), trainingSteps(record), hours];
    return element("tr", {}, first, ...cells, ...more.map((text) => element("td", { text })));
  });
  $("table").replaceChildren(
    tableHead(heads),
    element("tbody", {}, ...body),
  );
  const localizers = [...new Set(Object.values(data.conditions).map((condition) => condition.localizer))].join(", ");
  const errors = rowsOf(state.condition).filter((row) => row.ground === "all").reduce((sum, row) => sum + row.errors, 0);
  $("notes").textContent =
    `${data.version}; localizer: ${localizers}. No episode is left out` +
    (errors ? `; ${errors} were ended by an error and count as failures. ` : ". ") +
    "Untouched: kept, and nothing was touched. Brackets: 95 % intervals, Wilson's for shares, else bootstrap over layouts.";
}

function trainingSteps(record) {
  if (!record.stages) return "–";
  const steps = JSON.parse(record.stages);
  const own = Object.values(steps).reduce((sum, some) => sum + some, 0); // those of its opponents, too
  return own ? `${(own / 1e6).toFixed(own < 950000 ? 2 : 1)} M` : "–";
}

function swatch(agent) {
  const made = element("span", { class: "swatch" });
  made.style.background = colorOf(agent);
  return made;
}

function showLegend() {
  $("legend").replaceChildren(...agents.map((name, agent) => element("span", {}, swatch(agent), name)));
}

// ---- plots -------------------------------------------------------------------------------------------------------

function showGroundsPlot() {
  const rows = rowsOf(state.condition);
  const summed = [...new Set(rows.map((row) => row.ground))].filter(isSummed);
  const grounds = [...data.grounds.map((ground) => ground.label), ...summed];
  const width = widthOf("plot-grounds"), left = Math.min(190, 0.3 * width), band = 10 + 15 * agents.length, height = grounds.length * band + 34;
  const x = (value) => left + value * (width - left - 20);
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Success by layout" });
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    plot.append(svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: height - 26 }));
    plot.append(svg("text", { class: "soft", x: x(tick), y: height - 8, "text-anchor": "middle" }, tick.toFixed(2)));
  }
  grounds.forEach((ground, index) => {
    const top = index * band;
    plot.append(svg("text", { x: left - 12, y: top + band / 2 + 4, "text-anchor": "end" }, short(ground, Math.floor(left / 7.2))));
    plot.append(svg("line", { class: "grid", x1: 0, x2: width, y1: top + band, y2: top + band }));
    agents.forEach((name, agent) => {
      const row = rows.find((one) => one.ground === ground && one.agent === name);
      if (!row) return;
      const [value, low, high] = row.measures.success, y = top + 13 + 15 * agent;
      const group = svg("g", { role: "button", tabindex: "0" });
      const show = () => { select(agent, index < data.grounds.length ? index : -1); $("player").scrollIntoView({ behavior: "smooth" }); };
      group.addEventListener("click", show);
      group.addEventListener("keydown", (event) => { if (event.key === "Enter") show(); });
      group.append(svg("title", {}, `${name}, ${ground}: ${fixed(value, 2)} [${fixed(low, 2)}, ${fixed(high, 2)}] of ${row.n}`));
      group.append(svg("rect", { x: left, y: y - 7, width: width - left, height: 14, fill: "transparent" }));
      group.append(svg("line", { x1: x(low), x2: x(high), y1: y, y2: y, stroke: colorOf(agent), "stroke-width": 2.5 }));
      group.append(svg("circle", { cx: x(value), cy: y, r: 5, fill: colorOf(agent) }));
      plot.append(group);
    });
  });
  $("plot-grounds").replaceChildren(plot);
}

const widthOf = (id) => Math.max(300, Math.min(1080, $(id).clientWidth || 520));

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function showHarder() {
  const conditions = Object.entries(data.conditions).map(([name, condition], index) => ({ name, index, ...condition }));
  const plain = (c) => c.noise === "none" && !c.distractors && c.mask === "identity";
  const targets = [...new Set(conditions.map((c) => c.target))];
  const ratios = [...new Set(conditions.map((c) => c.speed_ratio))].sort();
  $("s-harder").hidden = conditions.length === 1;
  if (conditions.length === 1) return;
  $("plot-speed").closest("figure").hidden = ratios.length === 1;
  if (ratios.length > 1) $("plot-speed").replaceChildren(speedPlot(conditions.filter(plain), targets, ratios));
  $("plot-conditions").replaceChildren(conditionsPlot(conditions));
}

function speedPlot(conditions, targets, ratios) {
  const width = widthOf("plot-speed"), height = 300, left = 44, gap = (ratios.at(-1) - ratios[0]) * 0.08;
  const x = (v) => left + ((v - ratios[0] + gap) / (ratios.at(-1) - ratios[0] + 2 * gap)) * (width - left - 10);
  const y = (v) => 10 + (1 - v) * (height - 50);
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height + 22}`, role: "img", "aria-label": "Success by speed" });
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    plot.append(svg("line", { class: "grid", x1: left, x2: width, y1: y(tick), y2: y(tick) }));
    plot.append(svg("text", { class: "soft", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(2)));
  }
  for (const ratio of ratios) plot.append(svg("text", { class: "soft", x: x(ratio), y: height - 18, "text-anchor": "middle" }, String(ratio)));
  const dashes = ["", "7 4", "2 4", "10 3 2 3"];
  targets.forEach((target, kind) => {
    plot.append(svg("line", { x1: left + 130 * kind, x2: left + 26 + 130 * kind, y1: height + 8, y2: height + 8, stroke: css("--ink"), "stroke-width": 2, "stroke-dasharray": dashes[kind % 4] }));
    plot.append(svg("text", { x: left + 32 + 130 * kind, y: height + 12 }, short(target, 14)));
    agents.forEach((name, agent) => {
      const points = conditions
        .filter((c) => c.target === target)
        .map((c) => [c.speed_ratio, overall(c.index, agent)])
        .filter(([, row]) => row)
        .sort((a, b) => a[0] - b[0]);
      const line = points.map(([ratio, row]) => `${x(ratio)},${y(row.measures.success[0])}`).join(" ");
      plot.append(svg("polyline", { points: line, fill: "none", stroke: colorOf(agent), "stroke-width": 2, "stroke-dasharray": dashes[kind % 4] }));
      for (const [ratio, row] of points) {
        const [value, low, high] = row.measures.success;
        const dot = svg("g");
        dot.append(svg("title", {}, `${name}, ${target}, ${ratio}: ${fixed(value, 2)} [${fixed(low, 2)}, ${fixed(high, 2)}]`));
        dot.append(svg("line", { x1: x(ratio), x2: x(ratio), y1: y(low), y2: y(high), stroke: colorOf(agent), "stroke-width": 1.5 }));
        dot.append(svg("circle", { cx: x(ratio), cy: y(value), r: 4, fill: colorOf(agent) }));
        plot.append(dot);
      }
    });
  });
  return plot;
}

function conditionsPlot(conditions) {
  const width = widthOf("plot-conditions"), left = Math.min(150, 0.34 * width), band = 8 + 14 * agents.length, height = conditions.length * band + 30;
  const x = (value) => left + value * (width - left - 20);
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Success by condition" });
  for (const tick of [0, 0.5, 1]) {
    plot.append(svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: height - 24 }));
    plot.append(svg("text", { class: "soft", x: x(tick), y: height - 6, "text-anchor": "middle" }, tick.toFixed(1)));
  }
  conditions.forEach((condition, index) => {
    plot.append(svg("text", { x: left - 10, y: index * band + band / 2 + 4, "text-anchor": "end" }, short(condition.name.replaceAll("_", " "), Math.floor(left / 7))));
    agents.forEach((name, agent) => {
      const row = overall(condition.index, agent);
      if (!row) return;
      const [value, low, high] = row.measures.success, y = index * band + 11 + 14 * agent;
      const dot = svg("g");
      dot.append(svg("title", {}, `${name}, ${condition.name}: ${fixed(value, 2)} [${fixed(low, 2)}, ${fixed(high, 2)}]`));
      dot.append(svg("line", { x1: x(low), x2: x(high), y1: y, y2: y, stroke: colorOf(agent), "stroke-width": 2 }));
      dot.append(svg("circle", { cx: x(value), cy: y, r: 4, fill: colorOf(agent) }));
      plot.append(dot);
    });
  });
  return plot;
}

function spreadPlot(key, id, bins, low, high) {
  const width = widthOf(id), row = 56, height = agents.length * row + 26, left = 8;
  const x = (value) => left + ((value - low) / (high - low)) * (width - 2 * left);
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": key });
  agents.forEach((name, agent) => {
    const values = episodesOf(agent, state.condition, -1).map((episode) => episode[key]);
    const counts = new Array(bins).fill(0);
    for (const value of values) counts[Math.min(bins - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * bins)))] += 1;
    const most = Math.max(...counts, 1), base = (agent + 1) * row;
    counts.forEach((count, bin) => {
      if (!count) return;
      const tall = Math.max((count / most) * (row - 22), 1.5);
      const bar = svg("rect", { x: x(low + (bin * (high - low)) / bins) + 0.5, width: (width - 2 * left) / bins - 1, y: base - tall, height: tall, fill: colorOf(agent) });
      bar.append(svg("title", {}, `${name}: ${count} of ${values.length}`));
      plot.append(bar);
    });
    plot.append(svg("line", { class: "grid", x1: 0, x2: width, y1: base, y2: base }));
    plot.append(svg("text", { x: left, y: base - row + 18 }, name));
  });
  for (let i = 0; i <= 4; i += 1) {
    const value = low + (i * (high - low)) / 4;
    plot.append(svg("text", { class: "soft", x: x(value), y: height - 6, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" }, fixed(value, 0)));
  }
  return plot;
}

function showSpread() {
  const returns = data.episodes.map((episode) => episode.episode_return);
  const low = Math.floor(Math.min(0, ...returns) / 50) * 50;
  $("plot-return").replaceChildren(spreadPlot("episode_return", "plot-return", 32, low, 500));
  const longest = Math.max(...data.episodes.map((episode) => episode.length), 1);
  $("plot-length").replaceChildren(spreadPlot("length", "plot-length", 25, 0, longest));
}

function showDifferences() {
  const here = data.summary.differences.filter((d) => d.condition === conditionNames()[state.condition]);
  const some = here.some((d) => isSummed(d.ground)) ? here.filter((d) => isSummed(d.ground)) : here, rest = here.filter((d) => !some.includes(d));
  $("s-differences").hidden = !some.length;
  if (!some.length) return;
  const heads = ["Layouts", "Agent", "Measure", `Minus ${data.summary.baseline}`, "p", "p (Holm)"];
  const row = (d) => {
    const digits = d.measure === "success" ? 2 : 1, [value, low, high] = d.interval;
    const sign = value > 0 ? "+" : "";
    const cells = [d.ground, d.agent, d.measure === "success" ? "SR" : "AR", `${sign}${fixed(value, digits)} [${fixed(low, digits)}, ${fixed(high, digits)}]`, fixed(d.p, 4), fixed(d.p_holm, 4)];
    return element("tr", { class: isSummed(d.ground) ? "best" : "" }, ...cells.map((text) => element("td", { text })));
  };
  $("differences").replaceChildren(tableHead(heads), element("tbody", {}, ...some.map(row)));
  $("differences-rest-box").hidden = !rest.length;
  $("differences-rest").replaceChildren(tableHead(heads), element("tbody", {}, ...rest.map(row)));
  $("differences-note").textContent =
    `The same episodes, one by one, against ${data.summary.baseline}. Intervals: bootstrap over layouts; p: flips of the ` +
    "signs of the pairs, two-sided; Holm: corrected for all rows of a measure.";
}

// ---- scenes ------------------------------------------------------------------------------------------------------

function shapesOf(index) {
  if (!layoutShapes.has(index)) {
    const layout = data.layouts[index], table = new Int16Array(blob, layout.at, 7 * layout.prisms), n = layout.prisms;
    const shapes = [];
    for (let i = 0; i < n; i += 1) {
      shapes.push({ round: table[i], tall: table[n + i], x: table[2 * n + i] / 100, y: table[3 * n + i] / 100, a: table[4 * n + i] / 100, b: table[5 * n + i] / 100, yaw: table[6 * n + i] / 1e4 });
    }
    layoutShapes.set(index, shapes);
  }
  return layoutShapes.get(index);
}

// The whole layout, or of a large one what is around the tracker.
function shownBounds(index) {
  const [x0, y0, x1, y1] = data.layouts[index].bounds;
  const between = (low, value, high) => (high < low ? (low + high) / 2 : Math.max(low, Math.min(high, value)));
  if (Math.max(x1 - x0, y1 - y0) <= LARGE_M) return [x0, y0, x1, y1];
  const half = WINDOW_M / 2, x = between(x0 + half, track.x[0][state.frame], x1 - half), y = between(y0 + half, track.y[0][state.frame], y1 - half);
  return [x - half, y - half, x + half, y + half];
}

function placed(canvas, bounds) {
  const [x0, y0, x1, y1] = bounds, scale = Math.min(canvas.width / (x1 - x0), canvas.height / (y1 - y0));
  const left = (canvas.width - scale * (x1 - x0)) / 2, top = (canvas.height - scale * (y1 - y0)) / 2;
  return { scale, x: (x) => left + scale * (x - x0), y: (y) => top + scale * (y1 - y) };
}

function drawLayout(canvas, index) {
  const paper = canvas.getContext("2d"), place = placed(canvas, data.layouts[index].bounds);
  paper.fillStyle = css("--floor");
  paper.fillRect(0, 0, canvas.width, canvas.height);
  for (const tall of [0, 1]) {
    paper.fillStyle = css(tall ? "--tall" : "--low");
    paper.beginPath();
    for (const shape of shapesOf(index)) {
      if (shape.tall !== tall) continue;
      if (shape.round) {
        paper.moveTo(place.x(shape.x + shape.a), place.y(shape.y));
        paper.arc(place.x(shape.x), place.y(shape.y), shape.a * place.scale, 0, 2 * Math.PI);
      } else {
        const c = Math.cos(shape.yaw), s = Math.sin(shape.yaw);
        [[1, 1], [-1, 1], [-1, -1], [1, -1]].forEach(([u, v], corner) => {
          const x = place.x(shape.x + u * shape.a * c - v * shape.b * s), y = place.y(shape.y + u * shape.a * s + v * shape.b * c);
          if (corner) paper.lineTo(x, y); else paper.moveTo(x, y);
        });
        paper.closePath();
      }
    }
    paper.fill();
  }
  return place;
}

function readTrack(packed) {
  const { n, movers, at } = packed;
  const places = new Int16Array(blob, at[0], 2 * movers * n), turns = new Uint8Array(blob, at[1], movers * n);
  const made = { n, movers, x: [], y: [], yaw: [], events: new Uint8Array(blob, at[2], n) };
  for (let m = 0; m < movers; m += 1) {
    for (const [key, from] of [["x", 2 * m * n], ["y", (2 * m + 1) * n]]) {
      const values = new Float32Array(n);
      let sum = 0;
      for (let i = 0; i < n; i += 1) { sum += places[from + i]; values[i] = sum / 100; }
      made[key].push(values);
    }
    const yaws = new Float32Array(n);
    let turn = 0;
    for (let i = 0; i < n; i += 1) { turn = (turn + turns[m * n + i]) & 255; yaws[i] = (turn / 256) * 2 * Math.PI; }
    made.yaw.push(yaws);
  }
  return made;
}

// How far one sees from a place, in metres: to the nearest thing that hides a target.
function sightLength(layout, [ox, oy], angle) {
  const dx = Math.cos(angle), dy = Math.sin(angle);
  let far = VIEW_RANGE_M;
  for (const shape of shapesOf(layout)) {
    const px = ox - shape.x, py = oy - shape.y;
    if (!shape.tall || Math.hypot(px, py) > far + shape.a + shape.b) continue;
    if (shape.round) {
      const along = px * dx + py * dy, root = along * along - (px * px + py * py - shape.a * shape.a);
      if (root >= 0 && -along - Math.sqrt(root) > 0) far = Math.min(far, -along - Math.sqrt(root));
      continue;
    }
    const c = Math.cos(shape.yaw), s = Math.sin(shape.yaw);
    let near = 0, end = far;
    for (const [p, d, half] of [[px * c + py * s, dx * c + dy * s, shape.a], [py * c - px * s, dy * c - dx * s, shape.b]]) {
      if (Math.abs(d) < 1e-9) { if (Math.abs(p) > half) end = -1; continue; }
      const [a, b] = [(-half - p) / d, (half - p) / d];
      near = Math.max(near, Math.min(a, b));
      end = Math.min(end, Math.max(a, b));
    }
    if (near < end && near > 0) far = near;
  }
  return far;
}

let background = null, backgroundOf = -1, backgroundTheme = "";

function drawScene() {
  const canvas = $("scene"), paper = canvas.getContext("2d"), episode = data.episodes[state.episode];
  const theme = document.documentElement.dataset.theme || "";
  if (backgroundOf !== episode.layout || backgroundTheme !== theme) {
    const [x0, y0, x1, y1] = data.layouts[episode.layout].bounds, side = Math.max(x1 - x0, y1 - y0);
    const pixels = side > LARGE_M ? Math.min(PIXELS_MOST, Math.round(side * PIXELS_PER_M)) : canvas.width;
    background = element("canvas", { width: pixels, height: pixels });
    drawLayout(background, episode.layout);
    backgroundOf = episode.layout;
    backgroundTheme = theme;
  }
  const shown = shownBounds(episode.layout), place = placed(canvas, shown), now = state.frame;
  const whole = placed(background, data.layouts[episode.layout].bounds), [left, right] = [whole.x(shown[0]), whole.x(shown[2])];
  paper.fillStyle = css("--floor");
  paper.fillRect(0, 0, canvas.width, canvas.height);
  if (background.width === canvas.width) paper.drawImage(background, 0, 0);
  else paper.drawImage(background, left, whole.y(shown[3]), right - left, right - left, 0, 0, canvas.width, canvas.height);
  const x = (m) => place.x(track.x[m][now]), y = (m) => place.y(track.y[m][now]), yaw = track.yaw[0][now];
  paper.fillStyle = css("--view");
  paper.beginPath();
  paper.moveTo(x(0), y(0));
  const from = [track.x[0][now], track.y[0][now]];
  for (let ray = 0; ray <= RAYS; ray += 1) {
    const angle = yaw + VIEW_HALF * (2 * ray / RAYS - 1), far = sightLength(episode.layout, from, angle);
    paper.lineTo(place.x(from[0] + far * Math.cos(angle)), place.y(from[1] + far * Math.sin(angle)));
  }
  paper.fill();
  const colors = [css("--tracker"), css("--target"), css("--other")];
  for (let m = Math.min(track.movers, 2) - 1; m >= 0; m -= 1) {
    paper.strokeStyle = colors[m];
    paper.lineWidth = 2.5;
    paper.globalAlpha = 0.55;
    paper.beginPath();
    for (let i = Math.max(0, now - 50); i <= now; i += 1) paper.lineTo(place.x(track.x[m][i]), place.y(track.y[m][i]));
    paper.stroke();
    paper.globalAlpha = 1;
  }
  const radius = Math.max(BODY_M * place.scale, 7);
  for (let m = track.movers - 1; m >= 1; m -= 1) {
    paper.fillStyle = colors[Math.min(m, 2)];
    paper.beginPath();
    paper.arc(x(m), y(m), radius, 0, 2 * Math.PI);
    paper.fill();
    if (m === 1 && !(track.events[now] & VISIBLE)) {
      paper.fillStyle = css("--floor");
      paper.beginPath();
      paper.arc(x(m), y(m), 0.55 * radius, 0, 2 * Math.PI);
      paper.fill();
    }
  }
  paper.fillStyle = track.events[now] & CONTACT ? css("--contact") : colors[0];
  paper.beginPath();
  for (const [turn, length] of [[0, 1.7], [2.45, 1.45], [Math.PI, 0.5], [-2.45, 1.45]]) {
    paper.lineTo(x(0) + radius * length * Math.cos(yaw + turn), y(0) - radius * length * Math.sin(yaw + turn));
  }
  paper.fill();
}

function drawEvents() {
  const canvas = $("events"), paper = canvas.getContext("2d"), n = track.n;
  paper.clearRect(0, 0, canvas.width, canvas.height);
  const width = canvas.width / n;
  for (let i = 0; i < n; i += 1) {
    if (!(track.events[i] & VISIBLE)) { paper.fillStyle = css("--hidden"); paper.fillRect(i * width, 0, width + 1, canvas.height); }
    if (track.events[i] & CONTACT) { paper.fillStyle = css("--contact"); paper.fillRect(i * width, 0, Math.max(width, 4), canvas.height); }
  }
  paper.fillStyle = css("--ink");
  paper.fillRect(state.frame * width - 1.5, 0, 3, canvas.height);
}

// ---- player ------------------------------------------------------------------------------------------------------

function seconds(frame) {
  return Math.min(frame * STEPS_PER_FRAME, data.episodes[state.episode].length) * STEP_S;
}

function showFrame(frame, fromFilm = false) {
  state.frame = Math.max(0, Math.min(track.n - 1, Math.round(frame)));
  $("scrubber").value = String(state.frame);
  const now = track.events[state.frame];
  const seen = now & VISIBLE ? "in sight" : "hidden";
  $("clock").textContent = `${seconds(state.frame).toFixed(1)} s of ${(data.episodes[state.episode].length * STEP_S).toFixed(1)} s, ${seen}${now & CONTACT ? ", touching" : ""}`;
  drawScene();
  drawEvents();
  const film = $("film");
  if (!fromFilm && !film.hidden && film.readyState > 0) film.currentTime = (state.frame + 0.5) / FILM_FPS;
}

function play(on) {
  if (on && state.frame >= track.n - 1) showFrame(0);
  state.playing = on;
  state.last = performance.now();
  $("play").textContent = on ? "Pause" : "Play";
  const film = $("film");
  if (!film.hidden) {
    film.playbackRate = state.speed / 2; // films are at twice the speed of life
    if (on) film.play().catch(() => {}); else film.pause();
  }
  if (on) requestAnimationFrame(tick);
}

function tick(now) {
  if (!state.playing) return;
  const film = $("film"), filmed = !film.hidden && film.readyState > 1;
  if (filmed) {
    const frame = Math.floor(film.currentTime * FILM_FPS);
    if (frame !== state.frame) showFrame(frame, true);
    if (film.ended) showFrame(track.n - 1, true);
  } else {
    const passed = ((now - state.last) / 1000) * state.speed / (STEPS_PER_FRAME * STEP_S);
    if (passed >= 1) { state.last = now; showFrame(state.frame + Math.floor(passed)); }
  }
  if (state.frame >= track.n - 1) play(false); else requestAnimationFrame(tick);
}

function showEpisode(index) {
  play_stop();
  state.episode = index;
  const episode = data.episodes[index];
  track = readTrack(episode.track);
  $("scrubber").max = String(track.n - 1);
  const film = $("film"), source = $(`film-${index}`);
  film.hidden = !source;
  if (source) film.src = `data:video/mp4;base64,${source.textContent.trim()}`; else film.removeAttribute("src");
  $("no-film").textContent = source
    ? "The robot's view; beside it its map, with the target's past (red) and its predicted paths (purple)."
    : `Of this episode there is no film of the robot's view and map; ${data.films.length} episodes have one, failures first.`;
  const told = [
    ["Agent", agents[episode.agent]],
    ["Layout", `${data.grounds[episode.ground].label}, seed ${episode.seed}`],
    ["Outcome", episode.success ? "kept to the end" : ends(episode)],
    ["Return, steps", `${fixed(episode.episode_return, 0)}, ${episode.length}`],
    ["Visible", share(episode.visible_share)],
    ["Steps with contact", String(episode.contacts)],
  ];
  if (episode.error) told.push(["Error", episode.error]);
  $("facts").replaceChildren(...told.flatMap(([name, text]) => [element("dt", { text: name }), element("dd", { text })]));
  if ($("episode").value !== String(index)) $("episode").value = String(index);
  showFrame(0);
}

const ends = (episode) => ({ lost: "lost: out of sight for five seconds", error: "ended by an error" })[episode.end_reason] || `fault: ${episode.end_reason}`;
function play_stop() { if (state.playing) play(false); }

function select(agent, ground, wanted = null) {
  state.agent = agent;
  state.ground = ground;
  $("agent").value = String(agent);
  $("ground").value = String(ground);
  const some = episodesOf(agent, state.condition, ground);
  const order = (e) => (e.success ? (e.success_safe ? 2 : 1) : 0);
  const filmed = (e) => ($(`film-${e.index}`) ? 0 : 1);
  some.sort((a, b) => order(a) - order(b) || filmed(a) - filmed(b));
  const mark = (e) => (e.success ? (e.success_safe ? "kept" : "kept, touched something") : e.end_reason);
  $("episode").replaceChildren(...some.map((e) => element("option", {
    value: e.index, text: `${data.grounds[e.ground].label} ${e.seed}: ${mark(e)}${$(`film-${e.index}`) ? ", with film" : ""}`,
  })));
  const lost = some.filter((e) => !e.success);
  $("next-failure").disabled = !lost.length;
  $("failures-title").textContent = lost.length
    ? `${lost.length} of ${some.length} episodes failed` : `None of these ${some.length} episodes failed`;
  $("failures").replaceChildren(...lost.map((e) => element("button", {
    type: "button", text: `${data.grounds[e.ground].label} ${e.seed} (${(e.length * STEP_S).toFixed(0)} s)`, onclick: () => showEpisode(e.index),
  })));
  if (some.length) showEpisode(wanted ?? some[0].index);
}

function move(by) {
  const options = [...$("episode").options], at = options.findIndex((option) => option.selected);
  const next = options[(at + by + options.length) % options.length];
  if (next) showEpisode(Number(next.value));
}

function nextFailure() {
  const lost = episodesOf(-1, state.condition, -1).filter((e) => !e.success);
  if (!lost.length) return;
  const next = lost.find((e) => e.index > state.episode) || lost[0];
  select(next.agent, -1, next.index);
}

function showGallery() {
  const seen = new Map();
  for (const episode of data.episodes) {
    const some = seen.get(episode.ground) || [];
    if (some.length < (data.grounds.length > 6 ? 1 : 3) && !some.some((e) => e.layout === episode.layout)) some.push(episode);
    seen.set(episode.ground, some);
  }
  const tiles = [...seen.values()].flat().map((episode) => {
    const canvas = element("canvas", { width: 300, height: 300 });
    drawLayout(canvas, episode.layout);
    const [x0, y0, x1, y1] = data.layouts[episode.layout].bounds;
    return element("button", { type: "button", onclick: () => { select(state.agent, episode.ground); $("player").scrollIntoView({ behavior: "smooth" }); } },
      canvas, data.grounds[episode.ground].label, element("br"), element("small", { text: `${(x1 - x0).toFixed(0)} × ${(y1 - y0).toFixed(0)} m` }));
  });
  $("gallery").replaceChildren(...tiles);
}

function showMade() {
  const run = data.run, told = [
    ["Episodes", `${data.episodes.length}, suite ${data.version}`],
    ["Command", (run.command || []).join(" ")],
    ["Versions", Object.entries(run.versions || {}).filter(([, v]) => v).map(([k, v]) => `${k} ${v}`).join(", ")],
    ["Machine", `${run.platform || ""}, ${run.cores || "?"} cores`],
    ["Date", run.started || ""],
    ...Object.entries(data.summary.agents).map(([name, about]) => [name, about.sha256 ? `weights ${about.sha256.slice(0, 16)}…` : "no weights"]),
  ];
  for (const reason of data.skipped) told.push(["Left out", reason]);
  if (data.grounds.some((ground) => ground.hash)) told.push(["Maps", "2-D maps of buildings, extruded to walls"]);
  $("made").replaceChildren(...told.flatMap(([name, text]) => [element("dt", { text: name }), element("dd", { text })]));
}

// ---- all together ------------------------------------------------------------------------------------------------

function showPlots() {
  showGroundsPlot();
  showHarder();
  showSpread();
}

function showAll() {
  showConditions();
  showLead();
  showTable();
  showLegend();
  showPlots();
  showDifferences();
  select(state.agent, state.ground);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  if (!data) return;
  showHarder();
  showGallery();
  showFrame(state.frame);
}

function listen() {
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; showPlots(); } });
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("agent").addEventListener("change", (event) => select(Number(event.target.value), state.ground));
  $("ground").addEventListener("change", (event) => select(state.agent, Number(event.target.value)));
  $("episode").addEventListener("change", (event) => showEpisode(Number(event.target.value)));
  $("next-failure").addEventListener("click", nextFailure);
  $("play").addEventListener("click", () => play(!state.playing));
  $("speed").addEventListener("change", (event) => { state.speed = Number(event.target.value); $("film").playbackRate = state.speed / 2; });
  $("scrubber").addEventListener("input", (event) => { play_stop(); showFrame(Number(event.target.value)); });
  $("events").addEventListener("click", (event) => {
    const box = event.target.getBoundingClientRect();
    play_stop();
    showFrame(((event.clientX - box.left) / box.width) * track.n);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    const keys = {
      " ": () => play(!state.playing), ArrowRight: () => { play_stop(); showFrame(state.frame + 1); },
      ArrowLeft: () => { play_stop(); showFrame(state.frame - 1); }, n: () => move(1), p: () => move(-1), f: nextFailure,
    };
    if (!keys[event.key] || (event.key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    keys[event.key]();
  });
}

async function main() {
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  data = JSON.parse(new TextDecoder().decode(await unpacked("data")));
  blob = await unpacked("blob");
  agents = Object.keys(data.summary.agents);
  $("agent").replaceChildren(...agents.map((text, value) => element("option", { value, text })));
  $("ground").replaceChildren(
    element("option", { value: -1, text: "all" }), ...data.grounds.map((ground, value) => element("option", { value, text: ground.label })),
  );
  listen();
  showAll();
  showGallery();
  showMade();
  document.documentElement.dataset.ready = "yes";
}

main();
