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

function cellOf(column, row, place) {
  const value = column.value(row);
  const shown = column.show ? column.show(value, row) : value ?? "";
  const className = [column.text ? "" : "number", column.long ? "long" : column.text ? "whole" : "", column.mark?.(row) ?? ""].filter(Boolean).join(" ");
  const tag = place === 0 ? "th" : "td";
  return element(tag, {class: className, scope: place === 0 ? "row" : null}, shown);
}

// columns: title; value(row), by which is sorted; show(value, row), by default the value; text: whether it is text, not
// a number; long: whether it may be broken anywhere; mark(row): a class of the cell. The first column is what the row is of.
function table(caption, columns, rows, sortable = false) {
  const body = element("tbody");
  const fill = lines => body.replaceChildren(...lines.map(row => element("tr", {}, columns.map((column, place) =>
    cellOf(column, row, place)))));
  const headers = columns.map(column => element("th", {scope: "col", class: column.text ? "" : "number"}, column.title));
  if (sortable) headers.forEach((header, place) => makeSortable(header, columns[place], headers, rows, fill));
  fill(rows);
  const made = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, headers)),
    body);
  return scrolling(caption, made);
}

function makeSortable(header, column, headers, rows, fill) {
  const button = element("button", {type: "button"}, column.title);
  button.addEventListener("click", () => {
    const before = header.getAttribute("aria-sort");
    const first = column.text ? "ascending" : "descending"; // of figures, the large ones are looked for first
    const second = column.text ? "descending" : "ascending";
    const order = before === first ? second : first;
    headers.forEach(other => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    fill([...rows].sort((one, other) => sign * compared(column.value(one), column.value(other))));
  });
  header.replaceChildren(button);
}
