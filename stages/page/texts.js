"use strict";
// One model, text by text: its confusion matrix, its classes, its errors, and a field to type a text.

const LONG = 700; // characters, beyond which a text is folded
const AT_ONCE = 5; // texts
const MOST_CLASSES = 60; // of a confusion matrix, which more would make slow, and none the clearer

// Words that made the predicted label more probable, and less, as marks; how strong says the depth of the colour.
function marked(parts, changes) {
  const most = Math.max(...[...changes.values()].map(Math.abs));
  return parts.map(([text, word]) => {
    const change = changes.get(word);
    if (!change || Math.abs(change) < most / 20) return text;
    const mark = element("mark", {class: change > 0 ? "for" : "against", title: shownChange(change)}, text);
    mark.style.setProperty("--strength", `${Math.round(100 * Math.min(1, Math.abs(change) / most))}%`);
    return mark;
  });
}

// The words in a sentence, for who does not see colours.
function becauseOf(changes, count = 6) {
  const strongest = [...changes].sort((one, other) => Math.abs(other[1]) - Math.abs(one[1])).slice(0, count);
  if (!strongest.length) return null;
  return element("p", {class: "small"}, "Without these the output would change most: ",
    strongest.map(([word, change], place) =>
      [place ? ", " : "", element("span", {class: change > 0 ? "word for" : "word against"}, `${word} ${shownChange(change)}`)]));
}

// A long text is folded; what is folded away can still be found and is opened by a button.
function folded(text, content) {
  const place = element("p", {class: "text", lang: ""}, content);
  if (text.length <= LONG) return [place];
  place.classList.add("folded");
  const button = element("button", {type: "button", "aria-expanded": "false"}, "Show all of it");
  button.addEventListener("click", () => {
    const open = place.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!open));
    button.textContent = open ? "Show all of it" : "Show less";
  });
  return [place, button];
}

function article(content, dataset, labels, found) {
  const text = content.texts[dataset][found.place];
  const changes = new Map(found.words);
  const parts = text.split(" ").flatMap((word, place) => [[place ? " " : "", null], [word, word]]);
  const right = found.expected === found.predicted;
  const training = found.in_training.map(([label, texts]) => `${labels[label]} (${texts})`).join(", ");
  return element("article", {},
    element("h4", {}, `Test text ${counted(found.place)}`),
    element("p", {class: "facts"}, "expected ", element("strong", {}, labels[found.expected]), ", predicted ",
      element("strong", {class: right ? "right" : "wrong"}, labels[found.predicted]),
      ` with probability ${fixed(found.probability)}`),
    training ? element("p", {class: "noise"}, `Training has this very text as ${training}.`) : null,
    folded(text, marked(parts, changes)),
    becauseOf(changes));
}

// The first few, and the others one click away.
function articles(content, dataset, labels, found) {
  const [first, others] = [found.slice(0, AT_ONCE), found.slice(AT_ONCE)].map(some =>
    some.map(text => article(content, dataset, labels, text)));
  return others.length ? [...first, element("details", {}, element("summary", {}, `${others.length} more`), others)] : first;
}

function legend() {
  const sample = (name, text) => {
    const made = element("mark", {class: name}, text);
    made.style.setProperty("--strength", "70%");
    return made;
  };
  return element("p", {class: "small"}, "Words that made the predicted label ", sample("for", "more probable"), " or ",
    sample("against", "less probable"), "; ", element("code", {}, "?"), " is a word beyond the vocabulary.");
}

// The confusion matrix, large classes first: a grid in which the arrow keys move.
class Matrix {
  constructor(content, model, labels, onopen) {
    this.labels = labels;
    this.onopen = onopen;
    const totals = labels.map(() => 0);
    this.counts = new Map();
    for (const [expected, predicted, count] of content.confusion[model.name]) {
      totals[expected] += count;
      this.counts.set(`${expected} ${predicted}`, count);
    }
    this.totals = totals;
    this.order = labels.map((_, label) => label).sort((one, other) => totals[other] - totals[one] || one - other)
      .slice(0, MOST_CLASSES);
    this.cells = this.order.map(expected => this.order.map(predicted => this.cell(expected, predicted)));
    this.cells[0][0].tabIndex = 0;
    this.grid = this.build();
  }

  cell(expected, predicted) {
    const count = this.counts.get(`${expected} ${predicted}`) ?? 0;
    const said = `expected ${this.labels[expected]}, predicted ${this.labels[predicted]}: ${counted(count)} ` +
      (count === 1 ? "text" : "texts");
    const kind = count === 0 ? "empty" : expected === predicted ? "right" : "wrong";
    const made = element("td", {role: "gridcell", tabindex: "-1", class: kind, "aria-label": said, title: said},
      count ? counted(count) : "");
    // By the square root: a few errors among hundreds are what one looks for.
    const share = count / Math.max(1, this.totals[expected]);
    made.style.setProperty("--share", `${Math.round(100 * Math.sqrt(share))}%`);
    if (count) made.addEventListener("click", () => this.onopen(expected, predicted, made));
    return made;
  }

  build() {
    const head = element("tr", {role: "row"}, element("td", {class: "corner"}, "expected ↓", element("br"), "predicted →"),
      this.order.map(label => element("th", {scope: "col", role: "columnheader", title: this.labels[label]},
        element("span", {}, this.labels[label]))));
    const rows = this.order.map((label, row) => element("tr", {role: "row"},
      element("th", {scope: "row", role: "rowheader", title: this.labels[label]}, element("span", {}, this.labels[label])),
      this.cells[row]));
    const made = element("table", {
      role: "grid", class: this.labels.length > 12 ? "matrix small-cells" : "matrix",
      "aria-label": "Confusion matrix: expected in rows, predicted in columns", "aria-describedby": "confusion-hint",
    }, element("thead", {role: "rowgroup"}, head),
    element("tbody", {role: "rowgroup"}, rows));
    made.addEventListener("keydown", event => this.move(event));
    made.addEventListener("focusin", event => this.mark(event.target));
    return made;
  }

  // Of all cells only one is a stop of the Tab key.
  mark(cell) {
    if (cell.getAttribute("role") !== "gridcell") return;
    this.grid.querySelector("[role=gridcell][tabindex='0']").tabIndex = -1;
    cell.tabIndex = 0;
  }

  move(event) {
    const row = this.cells.findIndex(cells => cells.includes(event.target));
    if (row < 0) return;
    const column = this.cells[row].indexOf(event.target), last = this.cells.length - 1;
    const targets = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1], Home: [row, 0], End: [row, last],
    };
    if (event.key === "Enter" || event.key === " ") event.target.click();
    else if (!targets[event.key]) return;
    else {
      const [toRow, toColumn] = targets[event.key].map(place => Math.min(last, Math.max(0, place)));
      this.cells[toRow][toColumn].focus();
    }
    event.preventDefault();
  }
}

function showCell(content, model, labels, expected, predicted, cell) {
  const place = find("cell-texts");
  const count = Number(cell.textContent.replaceAll(",", ""));
  const title = expected === predicted ? `${labels[expected]}, rightly told` : `${labels[expected]}, taken for ${labels[predicted]}`;
  const answers = content.answers[model.name];
  const found = (answers?.texts ?? []).filter(text => text.expected === expected && text.predicted === predicted);
  const which = expected === predicted ? "the least certain first" : "the most certain first";
  const shown = found.length ? `${counted(found.length)} of ${counted(count)} ${count === 1 ? "text" : "texts"}, ${which}.`
    : `${counted(count)} ${count === 1 ? "text" : "texts"}; ${answers ? "not in this page, which has room for some only."
      : "not in this page, see the note at its top."}`;
  const back = element("button", {type: "button"}, "Back to the matrix");
  back.addEventListener("click", () => {
    find("confusion").scrollIntoView({block: "nearest"});
    cell.focus();
  });
  place.replaceChildren(element("h4", {class: "cell-title"}, title), element("p", {}, shown),
    ...(found.length ? [legend()] : []), ...articles(content, model.dataset, labels, found), back);
  document.querySelector("td.chosen")?.classList.remove("chosen");
  cell.classList.add("chosen");
  place.focus({preventScroll: true});
  place.scrollIntoView({block: "start"});
}

function showClasses(content, model) {
  const columns = [
    {title: "Class", text: true, value: row => row.name},
    {title: "Precision", value: row => row.precision, show: value => fixed(value)},
    {title: "Recall", value: row => row.recall, show: value => fixed(value)},
    {title: "F1", value: row => row.f1, show: value => fixed(value)},
    {title: "Test texts", value: row => row.support, show: counted},
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
  find("errors").replaceChildren(element("p", {}, answers.said), ...(wrong.length ? [legend()] : []),
    ...articles(content, model.dataset, labels, wrong));
}

function showModel(content, name) {
  const model = content.models.find(other => other.name === name);
  const labels = content.classes[name].map(line => line.name);
  const {settings, figures} = model;
  find("model-said").replaceChildren(
    `Hidden layers of ${settings.hidden.join(", ")} units, ${settings.activation}; ${settings.optimizer} for ${settings.epochs} ` +
    `epochs in batches of ${settings.batch_size}. Test accuracy ${fixed(figures["test.accuracy"])} in the run that is shown here, ` +
    `${fixed(model.mean)} ± ${fixed(model.sd)} over ${model.seeds.length} seeds.`);
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
  const options = content.models.map(({name}) => [name, name]);
  find("model-controls").append(choice("Model", "model-choice", options, options[0][0], name => showModel(content, name)));
  showModel(content, options[0][0]);
}

function answerOf(classifier, text) {
  const {top, changes, knownWords} = classifier.predict(text);
  const rows = top.slice(0, 3).map(({label, probability}) => {
    const bar = element("span", {class: "share", "aria-hidden": "true"});
    bar.style.setProperty("--share", `${100 * probability}%`);
    return element("tr", {}, element("th", {scope: "row"}, label), element("td", {class: "number"}, fixed(probability)),
      element("td", {class: "bar"}, bar));
  });
  const head = element("tr", {}, element("th", {scope: "col"}, "Label"),
    element("th", {scope: "col", class: "number"}, "Probability"), element("td"));
  const found = [element("table", {class: "answer"}, element("caption", {}, "Most probable labels"),
    element("thead", {}, head), element("tbody", {}, rows))];
  if (!knownWords) return [...found, element("p", {}, "The model knows no word of this text, so its answer rests on none.")];
  const parts = pieces(text).map(([part, isWord]) => [part, isWord ? part.toLowerCase() : null]);
  return [...found, legend(), element("p", {class: "text", lang: ""}, marked(parts, changes)), becauseOf(changes)];
}

function showField(content, load) {
  const place = find("try-field");
  if (!content.networks.length) {
    place.append(element("p", {}, "No network is in this page, see the note at its top."));
    return;
  }
  const names = content.networks.map(({name}) => [name, name]);
  let chosen = names[0][0];
  const field = element("textarea", {id: "try-text", rows: "5", required: true, lang: ""});
  const answer = element("div", {id: "answer", role: "status"});
  const form = element("form", {},
    element("div", {class: "controls"}, choice("Model", "try-model", names, chosen, name => {
      chosen = name;
      answer.replaceChildren();
    })),
    element("p", {class: "control wide"}, element("label", {for: "try-text"}, "A text"), field),
    element("button", {class: "main"}, "Classify"));
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const text = field.value;
    const classifier = await load(content.networks.find(({name}) => name === chosen));
    answer.replaceChildren(...answerOf(classifier, text).filter(Boolean));
  });
  place.append(element("p", {}, "The network runs in this page, on the weights that ",
    element("code", {}, "bagpipe predict"), " uses. What you type goes nowhere."), form, answer);
}
