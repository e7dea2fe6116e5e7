"use strict";
// One model: its confusion matrix, its classes and its errors.

function howMany(shown, count, right, answers) {
  const texts = count === 1 ? "1 text" : `${counted(count)} texts`;
  if (!answers) return `${texts}, not in this page: see the note at its top.`;
  if (!shown) return `${texts}, not in this page, which has room for some only.`;
  const order = right ? "the least certain first" : "the most certain first";
  return `${shown === count ? texts : `${counted(shown)} of ${texts}`}, ${order}.`;
}

function showCell(content, model, labels, expected, predicted, cell) {
  const place = find("cell-texts");
  const count = Number(cell.textContent.replaceAll(",", ""));
  const right = expected === predicted;
  const title = `${labels[expected]}, ${right ? "rightly told" : `taken for ${labels[predicted]}`}`;
  const answers = content.answers[model.name];
  const found = (answers?.texts ?? []).filter(text => text.expected === expected && text.predicted === predicted);
  const back = element("button", {type: "button"}, "Back to the matrix");
  back.addEventListener("click", () => {
    find("confusion").scrollIntoView({block: "nearest"});
    cell.focus();
  });
  place.replaceChildren(element("h4", {class: "cell-title"}, title),
    element("p", {}, howMany(found.length, count, right, answers)),
    ...explained(content, model.dataset, labels, found), back);
  document.querySelector("td.chosen")?.classList.remove("chosen");
  cell.classList.add("chosen");
  place.focus({preventScroll: true});
  place.scrollIntoView({block: "start"});
}

function showClasses(content, model) {
  const columns = [
    words("Class", row => row.name),
    figures("Precision", row => row.precision, fixed),
    figures("Recall", row => row.recall, fixed),
    figures("F1", row => row.f1, fixed),
    figures("Test texts", row => row.support),
  ];
  find("classes").replaceChildren(table(`Classes of ${model.name}`, columns, content.classes[model.name], true));
}

const ERRORS = 20;

function showErrors(content, model, labels) {
  const answers = content.answers[model.name];
  if (!answers) {
    find("errors").replaceChildren(element("p", {}, "The texts are not in this page, see the note at its top."));
    return;
  }
  const wrong = answers.texts.filter(text => text.expected !== text.predicted)
    .sort((one, other) => other.probability - one.probability).slice(0, ERRORS);
  find("errors").replaceChildren(element("p", {}, answers.summary), 
    ...explained(content, model.dataset, labels, wrong));
}

function inWords({settings, figures: {"test.accuracy": accuracy, "test.macro_f1": f1}, mean, sd, macro_f1: meanF1,
  macro_f1_sd: sdF1, seeds}) {
  const layers = settings.hidden.length ? `Hidden layers of ${settings.hidden.join(", ")} units, ` +
    settings.activation : "No hidden layer";
  const dropout = settings.input_dropout || settings.dropout ?
    `, dropout ${settings.input_dropout} of words and ${settings.dropout} of units` : "";
  return `${layers}${dropout}; ${settings.optimizer} for ` +
    `${settings.epochs} epochs in batches of ${settings.batch_size}. Test accuracy ${fixed(accuracy)} and macro F1 ` +
    `${fixed(f1)} in the run that is shown here, ${fixed(mean)} ± ${fixed(sd)} and ${fixed(meanF1)} ± ` +
    `${fixed(sdF1)} over ${seeds.length} seeds.`;
}

function showModel(content, name) {
  const model = content.models.find(other => other.name === name);
  const labels = content.classes[name].map(line => line.name);
  find("model-said").replaceChildren(inWords(model));
  const matrix = new Matrix(content, model, labels, (expected, predicted, cell) =>
    showCell(content, model, labels, expected, predicted, cell));
  const others = labels.length - matrix.order.length;
  find("confusion").replaceChildren(element("div", {class: "scroll grid"}, matrix.grid),
    ...(others ? [element("p", {class: "small"}, `The ${counted(others)} smallest classes are left out.`)] : []));
  find("cell-texts").replaceChildren();
  showClasses(content, model);
  showErrors(content, model, labels);
}

function showModels(content) {
  const [first] = content.models, options = content.models.map(({name}) => [name, name]);
  const chosen = choice("Model", "model-choice", options, first.name, name => showModel(content, name));
  find("model-controls").append(chosen);
  showModel(content, first.name);
}
