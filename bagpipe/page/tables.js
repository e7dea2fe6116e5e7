"use strict";
// Tables with a caption and headers, which scroll by themselves where they are wider than the screen.

// What keeps its place may be wider than the page: a region that scrolls, by keyboard, too.
function scrolling(name, content, className = "scroll") {
  return element("div", {class: className, tabindex: "0", role: "region", "aria-label": name}, content);
}

function compared(one, other) {
  if (typeof one === "string" || typeof other === "string") return String(one).localeCompare(String(other), "en");
  const [a, b] = [one, other].map(value => (Number.isFinite(value) ? value : -Infinity));
  return a === b ? 0 : a < b ? -1 : 1;
}

// A column of words. value(row): what is shown, and by which is sorted; more: `mark`, a class of the cell for a row,
// and `kind`, how its cells look: `whole` ones stay on one line, `long` ones may be broken anywhere.
function words(title, value, more) {
  return {title, value, show: String, kind: "whole", ...more};
}

// A column of numbers. show(value): its text.
function figures(title, value, show = counted, more) {
  return {title, value, show: number => show(number), kind: "number", ...more};
}

function cellOf(column, row, place) {
  const value = column.value(row);
  const shown = value === null || value === undefined ? "" : column.show(value, row);
  const className = [column.kind, column.mark?.(row)].filter(Boolean).join(" ");
  return element(place ? "td" : "th", {class: className, scope: place ? null : "row"}, shown);
}

function headerOf({kind, title}) {
  return element("th", {scope: "col", class: kind === "number" ? kind : null}, title);
}

// The first column is what a row is of.
function table(caption, columns, rows, sortable = false) {
  const body = element("tbody");
  const fill = lines => body.replaceChildren(...lines.map(row =>
    element("tr", {}, columns.map((column, place) => cellOf(column, row, place)))));
  const headers = columns.map(headerOf);
  if (sortable) headers.forEach((header, place) => makeSortable(header, columns[place], headers, rows, fill));
  fill(rows);
  const head = element("thead", {}, element("tr", {}, headers));
  return scrolling(caption, element("table", {}, element("caption", {}, caption), head, body));
}

function makeSortable(header, column, headers, rows, fill) {
  const button = element("button", {type: "button"}, column.title);
  button.addEventListener("click", () => {
    const before = header.getAttribute("aria-sort");
    const orders = ["ascending", "descending"];
    const [first, second] = column.kind === "number" ? orders.reverse() : orders; // large numbers first
    const order = before === first ? second : first;
    headers.forEach(other => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    fill([...rows].sort((one, other) => sign * compared(column.value(one), column.value(other))));
  });
  header.replaceChildren(button);
}
