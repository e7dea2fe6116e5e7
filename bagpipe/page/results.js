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
  const has = key => content.models.some(model => model[key] !== null);
  const columns = [
    words("Model", model => model.name),
    figures("Accuracy, mean\u00a0±\u00a0sd", model => model.mean, fixed,
      {show: (value, model) => `${fixed(value)} ± ${fixed(model.sd)}`}),
    ...(has("published") ? [figures("Published", model => model.published, fixed)] : []),
    ...(has("best_possible") ? [figures("Best possible", model => model.best_possible, fixed)] : []),
    figures("Difference", model => model.difference, signed),
    words("Verdict", model => model.verdict),
    figures("Macro F1, mean\u00a0±\u00a0sd", model => model.macro_f1, fixed,
      {show: (value, model) => `${fixed(value)} ± ${fixed(model.macro_f1_sd)}`}),
    words("Verdict on macro F1", model => model.macro_f1_verdict),
    figures("Unseen texts", model => model.unseen, fixed),
    figures("Seeds", model => model.seeds.length),
    words("Hidden units", layersOf),
  ];
  find("headline").append(table("Test accuracy and macro F1 over seeds", columns, content.models, true),
    element("p", {class: "small"}, "Difference: of accuracy, from the first model of the dataset, where they " +
      "differ in the network alone. The verdicts are about new texts of the same kind: they allow for other seeds " +
      "and other test texts. Macro F1: the mean F1 of the classes. Unseen texts: accuracy on those that training " +
      "does not have word for word."));
}

function publishedRow(found) {
  const short = found.figure.replace("epoch of the ", "").replace(/ (less that|from the curves) /, "|$1 ");
  return {
    label: `${found.of}|${short}`, figure: `${found.of}: ${found.figure}`, found: found.published, middle: found.mean,
    low: found.low, high: found.high, fits: found.verdict === "consistent",
  };
}

const AXES = {
  accuracy: "Accuracy",
  loss: "Loss",
  epoch: "Epoch",
  difference: "Difference",
  baseline: "Accuracy without a network",
};

// The published figures that share an axis, with what to say to who does not see them.
function drawPublished(title, found) {
  const place = element("div");
  find("published-charts").append(element("h3", {}, title), place);
  const outside = found.filter(figure => figure.verdict !== "consistent")
    .map(figure => `${figure.of}: ${figure.figure}`);
  draw(place, width => intervals(found.map(publishedRow), title, "published", width),
    `${title}: ${found.length} published figures as points over the interval of ours. ` +
    (outside.length ? `Outside: ${outside.join("; ")}.` : "All lie inside."));
}

function showPublished(content) {
  if (!content.published.length) return;
  find("published").hidden = false;
  for (const [axis, title] of Object.entries(AXES)) {
    const found = content.published.filter(figure => figure.axis === axis);
    if (found.length) drawPublished(title, found);
  }
  const columns = [
    words("Of", figure => figure.of),
    words("Figure", figure => figure.figure),
    words("Verdict", figure => figure.verdict, {mark: figure => figure.verdict !== "consistent" && "alarm"}),
    figures("Published", figure => figure.published, shownValue),
    figures("Our mean", figure => figure.mean, fixed),
    figures("From", figure => figure.low, fixed),
    figures("To", figure => figure.high, fixed),
    figures("p", figure => figure.p, probability),
    figures("p, Holm", figure => figure.p_adjusted, probability),
    words("Source", figure => figure.source, {kind: "long"}),
  ];
  find("published-table").append(table("Published figures", columns, content.published, true));
  const known = content.published.filter(figure => figure.known && figure.verdict !== "consistent");
  find("published-charts").append(...known.map(figure => element("p", {class: "small"},
    `What is known of the ${figure.figure} of ${figure.of}: ${figure.known}.`)));
}

function runsOf(models) {
  return models.flatMap(({name, seeds}) => seeds.map(([seed, accuracy]) => ({model: name, seed, accuracy})));
}

function drawExperiments(dataset, models) {
  const [baseline, accuracy] = dataset.baseline;
  const place = element("div");
  find("experiment-charts").append(element("h3", {}, dataset.name), place,
    element("p", {class: "small"}, `Dashed: ${baseline}, ${fixed(accuracy)}.`));
  const means = models.map(model => `${model.name} ${fixed(model.mean)}`).join(", ");
  draw(place, width => points(runsOf(models), models.map(model => model.name), accuracy, width),
    `Test accuracy of ${models.length} models of ${dataset.name} under each seed. ` +
    `Means: ${means}; ${baseline}: ${fixed(accuracy)}.`);
}

function showExperiments(content) {
  for (const dataset of content.datasets) {
    const models = modelsOf(content, dataset.name);
    if (models.length) drawExperiments(dataset, models);
  }
  const columns = [
    words("Model", run => run.model),
    figures("Seed", run => run.seed, String),
    figures("Test accuracy", run => run.accuracy, fixed),
  ];
  find("experiment-table").append(table("Test accuracy under each seed", columns, runsOf(content.models), true));
}

const SETTINGS = {
  hidden: "Hidden",
  activation: "Activation",
  loss: "Loss",
  optimizer: "Optimizer",
  learning_rate: "Learning rate",
  batch_size: "Batch",
  holdout: "Held out",
  validation_epochs: "Validation epochs",
  epochs: "Epochs",
  leave_out: "Left out",
};

function shownSetting(value) {
  return Array.isArray(value) ? value.join(" + ") : value >= 1 ? counted(value) : String(value);
}

function settingColumn(key, first) {
  const of = model => model.settings[key];
  const mark = model => shownSetting(of(model)) !== shownSetting(of(first[model.dataset])) && "differs";
  if (typeof of(Object.values(first)[0]) === "number") return figures(SETTINGS[key], of, shownSetting, {mark});
  const names = value => value.split("_").flatMap((part, place) => (place ? ["_", element("wbr"), part] : [part]));
  const kind = key === "hidden" ? "whole" : null;
  return words(SETTINGS[key], model => shownSetting(of(model)), {mark, kind, show: names});
}

function showParams(content) {
  const first = Object.fromEntries(content.models.toReversed().map(model => [model.dataset, model]));
  const values = key => new Set(content.models.map(model => shownSetting(model.settings[key])));
  const same = Object.keys(SETTINGS).filter(key => values(key).size === 1);
  const varying = Object.keys(SETTINGS).filter(key => !same.includes(key));
  const said = same.map(key => `${SETTINGS[key].toLowerCase()} ${[...values(key)][0]}`);
  if (said.length) find("params-table").append(element("p", {}, `The same in all: ${said.join(", ")}.`));
  const columns = [
    words("Model", model => model.name),
    words("Dataset", model => model.dataset),
    ...varying.map(key => settingColumn(key, first)),
  ];
  find("params-table").append(table("Params of each model", columns, content.models, true));
}

function showData(content) {
  const columns = [
    words("Class", row => row.class),
    figures("Training texts", row => row.train),
    figures("Test texts", row => row.test),
    figures("Test texts in training", row => row.test_texts_in_train),
    figures("Never under this label", row => row.none_with_its_label),
  ];
  for (const {name, findings, classes} of content.datasets) {
    const summary = element("summary", {}, `The ${counted(classes.length)} classes of ${name}`);
    find("data-findings").append(element("h3", {}, name),
      ...findings.filter(Boolean).map(text => element("p", {}, sentence(text))),
      element("details", {}, summary, table(`Classes of ${name}`, columns, classes, true)));
  }
}
