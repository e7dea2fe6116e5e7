"use strict";
// A field to type a text, which a network in the page classifies.

function answerOf(classifier, text) {
  const {top, changes, knownWords} = classifier.predict(text);
  const rows = top.slice(0, 3).map(({label, probability}) => {
    const bar = element("span", {class: "share", "aria-hidden": "true"});
    bar.style.setProperty("--share", `${100 * probability}%`);
    return element("tr", {}, element("th", {scope: "row"}, label),
      element("td", {class: "number"}, fixed(probability)), element("td", {class: "bar"}, bar));
  });
  const head = element("tr", {}, element("th", {scope: "col"}, "Label"),
    element("th", {scope: "col", class: "number"}, "Probability"), element("td"));
  const found = [element("table", {class: "answer"}, element("caption", {}, "Most probable labels"),
    element("thead", {}, head), element("tbody", {}, rows))];
  if (!knownWords) {
    return [...found, element("p", {}, "The model knows no word of this text, so its answer rests on none.")];
  }
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
