"use strict";
// The confusion matrix, large classes first: a grid in which the arrow keys move, and a cell leads to its texts.

const MOST_CLASSES = 60; // more would make it slow, and none the clearer

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
    const corner = element("td", {class: "corner"}, "expected ↓", element("br"), "predicted →");
    const head = element("tr", {role: "row"}, corner,
      this.order.map(label => element("th", {scope: "col", role: "columnheader", title: this.labels[label]},
        element("span", {}, this.labels[label]))));
    const rows = this.order.map((label, row) => element("tr", {role: "row"},
      element("th", {scope: "row", role: "rowheader", title: this.labels[label]},
        element("span", {}, this.labels[label])),
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
