"use strict";
// Where it starts: unpack what the page holds, and fill its sections.

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(find(id).textContent), sign => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function unpackedJson(id) {
  return JSON.parse(new TextDecoder().decode(await unpacked(id)));
}

const classifiers = new Map(); // those that were asked for

async function classifierOf(network) {
  if (!classifiers.has(network.name)) {
    const words = await unpackedJson(`words-${network.name}`);
    const weights = new Float32Array(await unpacked(`weights-${network.name}`));
    classifiers.set(network.name, new Classifier(network, words, weights));
  }
  return classifiers.get(network.name);
}

function listSections() {
  const shown = [...document.querySelectorAll("main > section:not([hidden])")];
  find("sections").append(...shown.map(section => element("li", {},
    element("a", {href: `#${section.id}`}, section.dataset.name))));
}

async function start() {
  const content = await unpackedJson("content");
  for (const show of [showFindings, showPublished, showExperiments, showCurves]) show(content);
  for (const show of [showModels, showData, showParams, showChanges]) show(content);
  showField(content, classifierOf);
  listSections();
  document.body.dataset.ready = "true";
}

start().catch(error => {
  find("failure").hidden = false;
  find("failure").textContent = `This page needs a browser of 2024 or later: ${error.message}`;
  throw error;
});
