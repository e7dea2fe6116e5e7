"use strict";
// Texts with what a model said of them, and the words coloured by what they did to its output.

const LONG = 700; // characters, beyond which a text is folded
const AT_ONCE = 5; // texts

// Words that made the predicted label more probable, and less, as marks; how strong says the depth of the colour.
function marked(parts, changes) {
  const most = Math.max(0, ...parts.map(([, word]) => Math.abs(changes.get(word) ?? 0)));
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
  const named = strongest.map(([word, change], place) =>
    [place ? ", " : "", element("span", {class: "word"}, `${word} ${shownChange(change)}`)]);
  return element("p", {class: "small"}, "Without these the output would change most: ", named, ".");
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
  if (!others.length) return first;
  return [...first, element("details", {}, element("summary", {}, `${others.length} more`), others)];
}

// note: what else is to be known of the text.
function legend(...note) {
  const sample = (name, text) => {
    const made = element("mark", {class: name}, text);
    made.style.setProperty("--strength", "70%");
    return made;
  };
  return element("p", {class: "small"}, "Words that made the predicted label ", sample("for", "more probable"),
    " or ", sample("against", "less probable"), ".", note);
}

// The legend and the texts; nothing if there are none.
function explained(content, dataset, labels, found) {
  if (!found.length) return [];
  const note = [" ", element("code", {}, "?"), " is an out-of-vocabulary word."];
  return [legend(...note), ...articles(content, dataset, labels, found)];
}
