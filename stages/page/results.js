"use strict";
// What came out: the sections that tables of reports/ fill.

function modelsOf(content, dataset) {
  return content.models.filter(model => model.dataset === dataset);
}

function layersOf(model) {
  return model.settings.hidden.join(" + ");
}

function showFindings(content) {
  find("said").append(...content.findings.map(text => element("p", {class: "finding"}, sentence(text))));
  if (content.missing.length) {
    const missing = find("missing");
    missing.hidden = false;
    missing.append(element("p", {}, "Left out, because something is not here:"),
      element("ul", {}, content.missing.map(text => element("li", {}, sentence(text)))));
  }
  const columns = [
    {title: "Model", text: true, value: model => model.name},
    {title: "Hidden units", text: true, value: layersOf},
    ...(content.published.length ? [{
      title: "Published", value: model => model.published, show: value => (value === null ? "" : fixed(value)),
    }] : []),
    ...(content.models.some(model => model.best_possible !== null) ? [{
      title: "Best possible", value: model => model.best_possible, show: value => (value === null ? "" : fixed(value)),
    }] : []),
    {title: "Ours, mean\u00a0±\u00a0sd", value: model => model.mean, show: (value, model) => `${fixed(value)} ± ${fixed(model.sd)}`},
    {title: "Seeds", value: model => model.seeds.length},
    {title: "Unseen texts", value: model => model.unseen, show: value => (value === null ? "" : fixed(value))},
    {title: "Difference", value: model => model.difference, show: value => (value === undefined ? "" : signed(value))},
    {title: "Verdict", text: true, value: model => model.verdict ?? ""},
  ];
  find("headline").append(table("Test accuracy over seeds", columns, content.models, true), element("p", {class: "small"},
    "Unseen texts: those that training does not have word for word. Difference and verdict: against the first model " +
    "of the dataset, where they differ in the network alone; after Holm’s correction."));
}

function publishedRow(found) {
  const short = found.figure.replace("epoch of the ", "").replace(/ (less that|from the curves) /, "|$1 ");
  return {
    label: `${found.of}|${short}`, figure: `${found.of}: ${found.figure}`, found: found.published, middle: found.mean,
    low: found.low, high: found.high, fits: found.verdict === "consistent",
  };
}

const AXES = {
  accuracy: "Accuracy", loss: "Loss", epoch: "Epoch", difference: "Difference", baseline: "Accuracy without a network",
};

function showPublished(content) {
  if (!content.published.length) return;
  find("published").hidden = false;
  for (const [axis, title] of Object.entries(AXES)) {
    const found = content.published.filter(figure => figure.axis === axis);
    if (!found.length) continue;
    const place = element("div");
    find("published-charts").append(element("h3", {}, title), place);
    const outside = found.filter(figure => figure.verdict !== "consistent")
      .map(figure => `${figure.of}: ${figure.figure}`);
    draw(place, width => intervals(found.map(publishedRow), title, "published", width),
      `${title}: ${found.length} published figures as points over the interval of ours. ` +
      (outside.length ? `Outside: ${outside.join("; ")}.` : "All lie inside."));
  }
  const columns = [
    {title: "Of", text: true, value: figure => figure.of},
    {title: "Figure", text: true, value: figure => figure.figure},
    {title: "Verdict", text: true, value: figure => figure.verdict,
      mark: figure => (figure.verdict === "consistent" ? "" : "alarm")},
    {title: "Published", value: figure => figure.published, show: shownValue},
    {title: "Our mean", value: figure => figure.mean, show: value => fixed(value)},
    {title: "From", value: figure => figure.low, show: value => fixed(value)},
    {title: "To", value: figure => figure.high, show: value => fixed(value)},
    {title: "p", value: figure => figure.p, show: probability},
    {title: "p, Holm", value: figure => figure.p_adjusted, show: probability},
    {title: "Source", text: true, long: true, value: figure => figure.source},
  ];
  find("published-table").append(table("Published figures", columns, content.published, true));
  const known = content.published.filter(figure => figure.known && figure.verdict !== "consistent");
  find("published-charts").append(...known.map(figure => element("p", {class: "small"},
    `What is known of the ${figure.figure} of ${figure.of}: ${figure.known}.`)));
}

function showExperiments(content) {
  for (const dataset of content.datasets) {
    const models = modelsOf(content, dataset.name);
    if (!models.length) continue;
    const [name, accuracy] = dataset.baselines.at(-1);
    const rows = models.flatMap(model => model.seeds.map(([seed, accuracy]) => ({model: model.name, seed, accuracy})));
    const place = element("div");
    find("experiment-charts").append(element("h3", {}, dataset.name), place,
      element("p", {class: "small"}, `Dashed: ${name}, ${fixed(accuracy)}.`));
    const means = models.map(model => `${model.name} ${fixed(model.mean)}`).join(", ");
    draw(place, width => points(rows, models.map(model => model.name), accuracy, width),
      `Test accuracy of ${models.length} models of ${dataset.name} under each seed. Means: ${means}; ${name}: ${fixed(accuracy)}.`);
  }
  const rows = content.models.flatMap(model => model.seeds.map(([seed, accuracy]) => ({model: model.name, seed, accuracy})));
  const columns = [
    {title: "Model", text: true, value: row => row.model},
    {title: "Seed", value: row => row.seed},
    {title: "Test accuracy", value: row => row.accuracy, show: value => fixed(value)},
  ];
  find("experiment-table").append(table("Test accuracy under each seed", columns, rows, true));
}

// What can be seen of a model as a line: title, and its columns.
const FIGURES = {
  val_loss: {title: "Validation loss", of: "histories", x: "epoch", y: "val_loss"},
  val_accuracy: {title: "Validation accuracy", of: "histories", x: "epoch", y: "val_accuracy"},
  loss: {title: "Training loss", of: "histories", x: "epoch", y: "loss"},
  accuracy: {title: "Training accuracy", of: "histories", x: "epoch", y: "accuracy"},
  // Of many classes all is near the left edge, so that is drawn wider.
  roc: {title: "ROC", of: "curves", x: "false_positive_rate", y: "true_positive_rate", scale: "sqrt",
    ticks: [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1],
    axes: ["False positive rate, on a scale of square roots", "True positive rate"]},
  precision: {title: "Precision and recall", of: "curves", x: "true_positive_rate", y: "precision",
    axes: ["Recall", "Precision"]},
};

function curveRows(content, figure, models) {
  return models.flatMap(model => {
    const found = content[figure.of][model];
    return (found[figure.x] ?? []).map((x, order) => ({model, x, y: found[figure.y][order], order}));
  });
}

function showCurves(content) {
  const datasets = content.datasets.filter(dataset => dataset.models.length);
  if (!datasets.length) return;
  let dataset = datasets[0], figure = FIGURES.val_loss, shown = new Set(dataset.models);

  function redraw() {
    const [xTitle, yTitle] = figure.axes ?? ["Epoch", figure.title];
    const byEpoch = figure.of === "histories";
    const x = {title: xTitle, points: byEpoch, step: byEpoch ? 1 : undefined, scale: figure.scale, ticks: figure.ticks};
    const rows = curveRows(content, figure, dataset.models).filter(row => shown.has(row.model));
    const place = element("div");
    find("curve-chart").replaceChildren(rows.length ? place : element("p", {}, "No model is chosen."));
    if (rows.length) {
      draw(place, () => lines(rows, dataset.models, shown, x, {title: yTitle}),
        `${figure.title} of ${[...shown].join(", ")}, all of ${dataset.name}.`);
    }
    const columns = [
      {title: "Model", text: true, value: row => row.model},
      {title: xTitle, value: row => row.x, show: value => (byEpoch ? String(value) : fixed(value))},
      {title: yTitle, value: row => row.y, show: value => fixed(value)},
    ];
    find("curve-table").replaceChildren(table(`${figure.title}, ${dataset.name}`, columns, rows));
  }

  function boxOf(model) {
    const box = element("input", {type: "checkbox", checked: shown.has(model)});
    box.addEventListener("change", () => {
      shown[box.checked ? "add" : "delete"](model);
      redraw();
    });
    return element("label", {class: "box"}, box, element("span", {class: "swatch", "data-model": model}), model);
  }

  // A button for all models, or for none.
  function every(title, models) {
    const button = element("button", {type: "button"}, title);
    button.addEventListener("click", () => {
      shown = new Set(models());
      for (const box of find("curve-models").querySelectorAll("input")) {
        box.checked = shown.has(box.parentElement.textContent);
      }
      redraw();
    });
    return button;
  }

  function offer() {
    find("curve-models").replaceChildren(element("legend", {}, "Models"), ...dataset.models.map(boxOf),
      element("span", {class: "every"}, every("All", () => dataset.models), every("None", () => [])));
    paintSwatches(dataset.models);
  }

  find("curve-controls").append(
    choice("Dataset", "curve-dataset", datasets.map(({name}) => [name, name]), dataset.name, name => {
      dataset = datasets.find(other => other.name === name);
      shown = new Set(dataset.models);
      offer();
      redraw();
    }),
    choice("Curve", "curve-figure", Object.entries(FIGURES).map(([key, {title}]) => [key, title]), "val_loss", key => {
      figure = FIGURES[key];
      redraw();
    }));
  offer();
  redraw();
  DARK.addEventListener("change", () => paintSwatches(dataset.models));
}

// The boxes are the legend, so each has the colour and dashes of its line.
function paintSwatches(models) {
  const {range, dashes} = styleOf(models);
  for (const swatch of document.querySelectorAll(".swatch")) {
    const place = models.indexOf(swatch.dataset.model);
    swatch.style.borderTopColor = range[place];
    swatch.style.borderTopStyle = {6: "dashed", 2: "dotted"}[dashes[place][0]] ?? "solid";
  }
}

const SETTINGS = {
  hidden: "Hidden units", activation: "Activation", loss: "Loss", optimizer: "Optimizer", learning_rate: "Learning rate",
  batch_size: "Batch", holdout: "Held out", validation_epochs: "Validation epochs", epochs: "Epochs",
  leave_out: "Left out of training",
};

function showParams(content) {
  const first = Object.fromEntries(content.datasets.map(dataset => [dataset.name,
    content.models.find(model => model.name === dataset.models[0])]));
  const text = value => (Array.isArray(value) ? value.join(" + ") : typeof value === "number" ? value : String(value));
  const [varying, same] = [true, false].map(varies => Object.entries(SETTINGS).filter(([key]) =>
    varies === new Set(content.models.map(model => text(model.settings[key]))).size > 1));
  if (same.length) {
    const said = same.map(([key, title]) => `${title.toLowerCase()} ${text(content.models[0].settings[key])}`);
    find("params-table").append(element("p", {}, `The same in all: ${said.join(", ")}.`));
  }
  const columns = [
    {title: "Model", text: true, value: model => model.name},
    {title: "Dataset", text: true, value: model => model.dataset},
    ...varying.map(([key, title]) => ({
      title,
      text: ["hidden", "activation", "loss", "optimizer"].includes(key),
      value: model => text(model.settings[key]),
      show: value => (typeof value === "number" && value >= 1 ? counted(value) : String(value)),
      mark: model => (text(model.settings[key]) === text(first[model.dataset].settings[key]) ? "" : "differs"),
    })),
  ];
  find("params-table").append(table("Params of each model", columns, content.models, true));
}

function showData(content) {
  for (const dataset of content.datasets) {
    const columns = [
      {title: "Class", text: true, value: row => row.class},
      {title: "Training texts", value: row => row.train, show: counted},
      {title: "Test texts", value: row => row.test, show: counted},
      {title: "Test texts in training", value: row => row.test_texts_in_train, show: counted},
      {title: "Never under this label", value: row => row.none_with_its_label, show: counted},
    ];
    find("data-findings").append(element("h3", {}, dataset.name),
      ...dataset.findings.filter(Boolean).map(text => element("p", {}, sentence(text))),
      element("details", {}, element("summary", {}, `The ${counted(dataset.classes.length)} classes of ${dataset.name}`),
        table(`Classes of ${dataset.name}`, columns, dataset.classes, true)));
  }
}

function shownValue(value) {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function showVerdicts(verdicts) {
  const columns = [
    {title: "Model", text: true, value: row => row.model},
    {title: "Verdict", text: true, value: row => row.status ?? row.verdict,
      mark: row => (row.verdict === "worse" ? "alarm" : "")},
    {title: "Before", value: row => row.mean_old, show: value => fixed(value)},
    {title: "Now", value: row => row.mean_new, show: value => fixed(value)},
    {title: "Difference", value: row => row.mean_difference, show: value => (value === undefined ? "" : signed(value))},
    {title: "From", value: row => row.low, show: value => (value === undefined ? "" : signed(value))},
    {title: "To", value: row => row.high, show: value => (value === undefined ? "" : signed(value))},
    {title: "p, Holm", value: row => row.p_adjusted, show: probability},
  ];
  const tested = verdicts.filter(row => Number.isFinite(row.mean_difference));
  const place = element("div");
  if (tested.length) {
    draw(place, width => intervals(tested.map(row => ({
      label: `${row.model}|${row.verdict}`, figure: row.model, found: row.mean_difference, middle: row.mean_difference,
      low: row.low, high: row.high, fits: row.verdict !== "worse"})), "Difference of test accuracy", "difference", width),
    `Differences of test accuracy with their intervals: ${tested.map(row => `${row.model} ${signed(row.mean_difference)}, ${row.verdict}`).join("; ")}.`);
  }
  return [element("h3", {}, "Test accuracy over seeds"), place, table("Verdicts on test accuracy", columns, verdicts, true)];
}

function showChanges(content) {
  const {changes} = content;
  if (!changes) return;
  find("changes").hidden = false;
  const commit = changes.commit && !changes.revision.startsWith(changes.commit) ? ` (${changes.commit})` : "";
  const place = find("changes-content");
  place.classList.add("tall");
  place.append(element("p", {}, "From ", element("code", {}, changes.revision), `${commit} to the files as they are here.`));
  if (!changes.verdicts.length && !changes.metrics.length && !changes.params.length) {
    place.append(element("p", {}, "No metric or param differs."));
  }
  if (changes.params.length) {
    place.append(element("h3", {}, "Params"), table("Params that differ", [
      {title: "Param", text: true, value: row => row.param},
      {title: "Before", text: true, long: true, value: row => row.old},
      {title: "Now", text: true, long: true, value: row => row.new},
      {title: "Touches models", text: true, long: true, value: row => row.models.join(", ")},
    ], changes.params, true));
  }
  if (changes.verdicts.length) place.append(...showVerdicts(changes.verdicts));
  if (changes.metrics.length) {
    place.append(element("h3", {}, "Metrics"), table("Metrics that differ, under the first seed and over seeds", [
      {title: "Of", text: true, value: row => row.of},
      {title: "Figure", text: true, value: row => row.figure},
      {title: "Before", value: row => row.old, show: shownValue},
      {title: "Now", value: row => row.new, show: shownValue},
      {title: "Difference", value: row => row.difference, show: value => (value === undefined ? "" : signed(value, 5))},
      {title: "Over seeds", value: row => row.mean_difference, show: value => (value === undefined ? "" : signed(value, 5))},
      {title: "Mark", text: true, value: row => row.status ?? row.verdict ?? ""},
    ], changes.metrics, true));
  }
}
