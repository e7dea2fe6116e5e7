"use strict";
// Making elements. Text becomes text nodes and nothing else: whatever is in the data, none of it is read as HTML.

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
  return made;
}

function find(id) {
  return document.getElementById(id);
}

// A sentence in Markdown: names in backticks, what is strong between asterisks; of links, to other pages, the text.
function sentence(text) {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").split(/(`[^`]*`|\*\*[^*]*\*\*)/).map(part => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    return part.startsWith("**") ? element("strong", {}, part.slice(2, -2)) : part;
  });
}

function fixed(value, digits = 4) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–";
}

function shownValue(value) {
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function signed(value, digits = 4) {
  return (value > 0 ? "+" : "") + fixed(value, digits);
}

function counted(number) {
  return number.toLocaleString("en");
}

function probability(p) {
  if (!Number.isFinite(p)) return "";
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}

// A list to choose from, with its label. options: [value, text].
function choice(label, id, options, chosen, onchange) {
  const select = element("select", {id, onchange: () => onchange(select.value)},
    options.map(([value, text]) => element("option", {value, selected: value === chosen}, text)));
  return element("p", {class: "control"}, element("label", {for: id}, label), select);
}

// What a word did to a probability: of a network that is sure, very little, and yet that is what made it sure.
function shownChange(change) {
  const digits = Math.min(8, Math.max(3, 1 - Math.floor(Math.log10(Math.abs(change) || 1))));
  return signed(change, digits);
}
