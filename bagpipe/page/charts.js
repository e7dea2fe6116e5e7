"use strict";
// Charts by Vega-Lite. They are drawn without `eval`, which the page forbids, and again when the theme changes.

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const NARROW = window.matchMedia("(max-width: 45rem)"); // as in page.css

// Told apart by colour-blind readers, too, at a contrast of three to one or more; dashes tell further rounds.
const LINES = {
  light: ["#0b5cad", "#c2410c", "#00796b", "#9d2a78", "#8a6100", "#5b3fb5", "#2f6f1f", "#4b5563"],
  dark: ["#6cb4ff", "#ff9a66", "#3fd0b4", "#f28ccb", "#e6bd45", "#b5a1ff", "#93d36f", "#b6bec9"],
};
const DASHES = [[1, 0], [6, 3], [2, 2]];
const INK = {
  light: {text: "#1b1f24", muted: "#545c66", grid: "#e3e6ea", bar: "#a9c4e4", line: "#0b5cad", alarm: "#b3261e"},
  dark: {text: "#e6e8eb", muted: "#a9b1bb", grid: "#2b3138", bar: "#2f4f73", line: "#8cc4ff", alarm: "#ff8a80"},
};

function theme() {
  return DARK.matches ? "dark" : "light";
}

function ink() {
  return INK[theme()];
}

function styleOf(models) {
  return {
    domain: models,
    range: models.map((_, place) => LINES[theme()][place % LINES.light.length]),
    dashes: models.map((_, place) => DASHES[Math.floor(place / LINES.light.length) % DASHES.length]),
  };
}

// width: of the place, in pixels; on a narrow one the names must leave room for the points.
function config(width) {
  const {text, muted, grid} = ink();
  const font = "system-ui, sans-serif";
  return {
    aria: false, // a chart is one picture with one text; the table below it has the numbers
    background: null,
    font,
    view: {stroke: null},
    axisX: {labelOverlap: "greedy", labelSeparation: 8},
    axis: {
      labelColor: muted, titleColor: muted, gridColor: grid, domainColor: grid, tickColor: grid, labelFontSize: 12,
      titleFontSize: 12, titleFontWeight: "normal", labelFlush: false, labelLimit: 0.5 * width, titlePadding: 8,
    },
    legend: {labelColor: text, titleColor: muted},
    text: {color: text},
  };
}

const drawn = new Map(); // what is drawn where, and its text, to draw it again

// make(width): makes the specification, in the colours of now; text: what the chart shows, for who does not see it.
async function draw(place, make, text) {
  drawn.set(place, [make, text]);
  place.className = "chart";
  await null; // who asks for it puts the place into the page first, so that it has a width
  const specification = {
    description: text,
    width: "container",
    autosize: {type: "fit-x", contains: "padding"},
    config: config(place.clientWidth),
    ...make(place.clientWidth),
  };
  await vegaEmbed(place, specification, {
    actions: false, ast: true, defaultStyle: false, mode: "vega-lite", renderer: "svg",
    tooltip: {disableDefaultStyle: true, theme: "page"},
  });
  place.setAttribute("role", "img"); // where Vega has another role, whose parts it would have to name
  place.removeAttribute("aria-roledescription");
}

// In the colours of now, and with as many names and ticks as there is room for.
function drawAgain() {
  for (const [place, [make, text]] of drawn) {
    if (place.isConnected) draw(place, make, text);
    else drawn.delete(place);
  }
}

for (const query of [DARK, NARROW]) query.addEventListener("change", drawAgain);

// As many as there is room for, beside the names.
function ticks(width) {
  return Math.max(3, Math.round(width / 90));
}

const ROWS = {type: "nominal", title: null, axis: {grid: true, gridDash: [2, 3], ticks: false, domain: false}};

// Points in rows, the mean of each row, and a line down for the baseline.
function points(rows, order, baseline, width) {
  const {text, muted, line} = ink();
  const y = {...ROWS, field: "model", sort: order};
  const x = {field: "accuracy", type: "quantitative", title: "Test accuracy", scale: {zero: false, nice: true},
    axis: {tickCount: ticks(width)}};
  const tooltip = [{field: "model"}, {field: "seed"}, {field: "accuracy", format: ".4f"}];
  return {
    height: 30 * order.length,
    data: {values: rows},
    layer: [
      ...(Number.isFinite(baseline)
        ? [{data: {values: [{accuracy: baseline}]}, mark: {type: "rule", strokeDash: [5, 4], color: muted, size: 1.5},
            encoding: {x}}] : []),
      {mark: {type: "circle", size: 60, opacity: 0.55, color: line}, encoding: {x, y, tooltip}},
      {mark: {type: "tick", thickness: 2.5, size: 22, color: text},
        encoding: {x: {...x, aggregate: "mean"}, y}},
    ],
  };
}

// A bar from low to high in each row, a line across it, and a point for what is held against it. The lines of a label
// are parted by |.
function intervals(rows, title, shape, width) {
  const {text, bar, line, alarm} = ink();
  const most = Math.max(...rows.map(row => row.label.split("|").length)); // lines of a label
  const y = {...ROWS, field: "label", sort: null, axis: {...ROWS.axis, labelExpr: "split(datum.label, '|')",
    labelLineHeight: 15, labelOffset: -7.5 * (most - 1), labelPadding: 8}};
  const scale = {zero: false, nice: true}, axis = {tickCount: ticks(width)};
  const tooltip = [["figure", "figure"], ["found", shape], ["middle", "mean"], ["low", "from"], ["high", "to"]].map(
    ([field, name]) => ({field, title: name, ...(field === "figure" ? {} : {format: ".4~f"})}));
  return {
    height: (15 * most + 14) * rows.length,
    data: {values: rows},
    encoding: {y, tooltip},
    layer: [
      {mark: {type: "bar", height: 14, cornerRadius: 3, color: bar},
        encoding: {x: {field: "low", type: "quantitative", title, scale, axis}, x2: {field: "high"}}},
      {mark: {type: "tick", thickness: 2, size: 22, color: text},
        encoding: {x: {field: "middle", type: "quantitative"}}},
      {mark: {type: "point", shape: "diamond", filled: true, size: 110, opacity: 1},
        encoding: {x: {field: "found", type: "quantitative"},
          color: {condition: {test: "datum.fits", value: line}, value: alarm}}},
    ],
  };
}

// A line for each model. rows: model, x, y, order.
function lines(rows, models, shown, x, y) {
  const {domain, range, dashes} = styleOf(models);
  const chosen = domain.map((name, place) => [name, place]).filter(([name]) => shown.has(name));
  const scaleOf = values => ({domain: chosen.map(([name]) => name), range: chosen.map(([, place]) => values[place])});
  return {
    height: 340,
    data: {values: rows.filter(row => shown.has(row.model))},
    mark: {type: "line", strokeWidth: 2, interpolate: "linear",
      point: x.points ? {size: 22, filled: true} : false},
    encoding: {
      x: {
        field: "x", type: "quantitative", title: x.title, axis: {tickMinStep: x.step, values: x.ticks},
        scale: {type: x.scale ?? "linear", zero: false, nice: false},
      },
      y: {field: "y", type: "quantitative", title: y.title, scale: {zero: false}},
      order: {field: "order", type: "quantitative"},
      color: {field: "model", type: "nominal", legend: null, scale: scaleOf(range)},
      strokeDash: {field: "model", type: "nominal", legend: null, scale: scaleOf(dashes)},
      tooltip: [{field: "model"}, {field: "x", title: x.title, format: ".4~f"},
        {field: "y", title: y.title, format: ".4f"}],
    },
  };
}
