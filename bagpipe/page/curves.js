"use strict";
// Curves of all models of a dataset, to switch on and off.

// What can be seen of a model as a line: title, and its columns.
const CURVES = {
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
  let dataset = datasets[0], figure = CURVES.val_loss, shown = new Set(dataset.models);

  function redraw() {
    const [xTitle, yTitle] = figure.axes ?? ["Epoch", figure.title];
    const byEpoch = figure.of === "histories";
    const {scale, ticks} = figure;
    const x = {title: xTitle, points: byEpoch, step: byEpoch ? 1 : undefined, scale, ticks};
    const rows = curveRows(content, figure, dataset.models).filter(row => shown.has(row.model));
    const place = element("div");
    find("curve-chart").replaceChildren(rows.length ? place : element("p", {}, "No model is chosen."));
    if (rows.length) {
      draw(place, () => lines(rows, dataset.models, shown, x, {title: yTitle}),
        `${figure.title} of ${[...shown].join(", ")}, all of ${dataset.name}.`);
    }
    const columns = [
      words("Model", row => row.model),
      figures(xTitle, row => row.x, byEpoch ? String : fixed),
      figures(yTitle, row => row.y, fixed),
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
    choice("Curve", "curve-figure", Object.entries(CURVES).map(([key, {title}]) => [key, title]), "val_loss", key => {
      figure = CURVES[key];
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
