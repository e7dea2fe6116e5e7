"""The page itself in Chromium, where there is one."""

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import run
from editing import edit_yaml
from pages import ATTACK, LABELS, content_of, hostile_texts, missing_from
from predicting import raw_texts
from served import HOSTILE, server

from bagpipe.page.write import own_scripts
from bagpipe.texts.predict import Classifier


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        pytest.skip("no Chromium here: no browser to look at the page with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a browser, with all that it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready]")

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()


@pytest.fixture(scope="module")
def opened(chromium: Any, written: Path) -> Iterator[Opened]:
    found = Opened(chromium, written, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(chromium: Any, written: Path) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        opened = Opened(chromium, written, color_scheme=scheme, viewport={"width": width, "height": 844})
        opened.page.locator(".chart svg").nth(4).wait_for()
        for model in ("imdb", "mine", "reuters"):
            opened.page.select_option("#model-choice", model)
        opened.page.emulate_media(color_scheme="dark" if scheme == "light" else "light")  # the charts are drawn again
        opened.page.locator(".chart svg").nth(4).wait_for()
        assert opened.requests == [written.as_uri()]
        assert opened.complaints == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        assert opened.page.locator("main img").count() == 0
        opened.context.close()


def test_hostile_texts_and_labels_stay_text(opened: Opened) -> None:
    opened.page.select_option("#model-choice", "mine")
    headers = opened.page.locator("#confusion th[scope=row]").all_text_contents()
    assert sorted(headers) == sorted(LABELS)
    opened.page.fill("#try-text", f"{ATTACK} {ATTACK}")
    opened.page.select_option("#try-model", "mine")
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    assert ATTACK in opened.page.locator("#answer .text").text_content()
    assert opened.page.locator("main img").count() == 0
    assert opened.complaints == []


@pytest.mark.parametrize("name", ["imdb", "mine", "reuters"])
def test_the_field_answers_as_predict(
    opened: Opened, project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(project)
    texts = [*HOSTILE, ATTACK, "constructor __proto__ toString", "ΣΊΣΥΦΟΣ w1 w2"]
    texts += [text for text, *_ in hostile_texts(50)] if name == "mine" else raw_texts(project, name)[:100]
    asked = """async ([name, texts]) => {
        const content = await unpackedJson("content");
        const classifier = await classifierOf(content.networks.find(network => network.name === name));
        return texts.map(text => {
            const {top, changes, knownWords} = classifier.predict(text);
            return [top.map(({label, probability}) => [label, probability]), [...changes], knownWords];
        });
    }"""
    found = opened.page.evaluate(asked, [name, texts])
    for prediction, (top, changes, known) in zip(Classifier(name).predict(texts, explain=True), found, strict=True):
        assert [p for _, p in top[:3]] == pytest.approx([p for _, p in prediction.top], abs=1e-5)
        assert dict(top)[prediction.top[0][0]] == pytest.approx(prediction.top[0][1], abs=1e-5)
        assert known == prediction.known_words
        if top[0][0] == prediction.top[0][0]:
            for word, change in prediction.pushes:
                assert dict(changes)[word] == pytest.approx(change, abs=1e-5)


def test_the_field_shows_the_answer_of_predict(opened: Opened, project: Path) -> None:
    text = raw_texts(project, "imdb")[0]
    opened.page.select_option("#try-model", "imdb")
    opened.page.fill("#try-text", text)
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    answer = json.loads(run(project, "predict", "imdb", "--json", text))
    shown = opened.texts("#answer tbody tr")
    assert shown[0].split() == [answer["label"], f"{answer['probability']:.4f}"]


def test_the_field_names_a_pair_whatever_parts_its_words(chromium: Any) -> None:
    network = {"name": "pairs", "activation": "relu", "shapes": [[7, 1]], "labels": ["bad", "good"], "ngrams": 2}
    network |= {"has_term_weights": True, "has_length_one": False}
    weights = [0, 0, 0, 0, 1, 1, 2, *[9, 9, 9, 9, 1, -0.5, -1.5], 0]  # of terms, a mark and others; kernel; bias
    scripts = "".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in own_scripts()[:-1])
    page = chromium.new_page()
    page.set_content(f'<div id="try-field"></div>{scripts}')
    shown = """([network, words, weights]) => showField({networks: [network]},
        async chosen => new Classifier(chosen, words, new Float32Array(weights)))"""
    page.evaluate(shown, [network, ["good", "not", "not good"], weights])
    page.fill("#try-text", "A film: Not-GOOD")
    page.click("#try-field button.main")
    page.locator("#answer table").wait_for()
    assert page.locator("#answer tbody tr").all_inner_texts()[0].split() == ["bad", "0.9241"]  # 1 / (1 + exp(-2.5))
    named = page.locator("#answer .word").all_inner_texts()
    assert named == ["not good +0.547", "good \N{MINUS SIGN}0.047", "not +0.043"]
    page.close()


def test_activations_are_those_of_keras(opened: Opened) -> None:
    from stages.common.network.backend import keras

    inputs = [-30.0, -3.3, -1.0, -0.1, 0.0, 0.2, 1.0, 2.7, 30.0]
    names = opened.page.evaluate("Object.keys(ACTIVATIONS)")
    assert sorted(names) == ["elu", "gelu", "leaky_relu", "relu", "selu", "sigmoid", "silu", "tanh"]
    for name in names:
        found = opened.page.evaluate("([name, inputs]) => inputs.map(ACTIVATIONS[name])", [name, inputs])
        expected = np.asarray(keras.activations.get(name)(np.array(inputs, np.float32)))
        assert found == pytest.approx(expected.tolist(), abs=2e-6), name


def test_a_cell_leads_to_its_texts(opened: Opened, written: Path) -> None:
    content = content_of(written)
    labels = [line["name"] for line in content["classes"]["mine"]]
    expected, predicted, count = next(cell for cell in content["confusion"]["mine"] if cell[0] != cell[1] and cell[2])
    opened.page.select_option("#model-choice", "mine")
    label = f"expected {labels[expected]}, predicted {labels[predicted]}: "
    opened.page.locator("#confusion [role=gridcell]").and_(
        opened.page.locator(f"[aria-label^={json.dumps(label)}]")
    ).click()
    assert opened.texts("#cell-texts .cell-title") == [f"{labels[expected]}, taken for {labels[predicted]}"]
    facts = opened.page.locator("#cell-texts article .facts").all_text_contents()
    assert 0 < len(facts) <= count
    for fact in facts:
        assert fact.startswith(f"expected {labels[expected]}, predicted {labels[predicted]} with probability")
    assert opened.page.evaluate("document.activeElement.id") == "cell-texts"
    marks = opened.page.locator("#cell-texts mark").all_text_contents()
    assert marks
    assert all(mark == mark.lower() for mark in marks)


def test_a_column_sorts(opened: Opened, written: Path) -> None:
    opened.page.select_option("#model-choice", "reuters")
    supports = [int(line["support"]) for line in content_of(written)["classes"]["reuters"]]
    header = opened.page.locator("#classes th", has_text="Test texts")

    def shown() -> list[int]:
        return [int(text) for text in opened.texts("#classes tbody tr td:last-child")]

    assert shown() == supports
    header.locator("button").click()
    assert shown() == sorted(supports, reverse=True)
    assert header.get_attribute("aria-sort") == "descending"
    header.locator("button").click()
    assert shown() == sorted(supports)
    assert header.get_attribute("aria-sort") == "ascending"
    opened.page.locator("#classes th button", has_text="Class").click()
    names = opened.texts("#classes tbody th")
    assert names == sorted(names)
    assert header.get_attribute("aria-sort") is None


def test_curves_are_switched_on_and_off(opened: Opened) -> None:
    page = opened.page
    page.select_option("#curve-dataset", "reuters")
    lines = page.locator("#curve-chart .mark-line path")
    last = lines.nth(1)
    last.wait_for()
    page.locator("#curve-models input").first.uncheck()
    last.wait_for(state="detached")
    assert lines.count() == 1
    page.get_by_role("button", name="None", exact=True).click()
    lines.first.wait_for(state="detached")
    page.get_by_role("button", name="All", exact=True).click()
    last.wait_for()
    page.select_option("#curve-figure", "roc")
    page.locator("#curve-chart [role=img][aria-label^='ROC of reuters, reuters_integer_labels']").wait_for()
    assert opened.complaints == []


def test_the_keyboard_alone_will_do(chromium: Any, written: Path) -> None:
    opened = Opened(chromium, written)
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "findings"
    page.focus("#model-choice")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.getAttribute('role')") != "gridcell":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.className") == "wrong"  # beside the first, which is right
    said = page.evaluate("document.activeElement.ariaLabel")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "cell-texts"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == said
    page.focus("#classes th button")
    page.keyboard.press("Enter")
    assert page.locator("#classes th").first.get_attribute("aria-sort") == "ascending"
    page.focus("#try-text")
    page.keyboard.type("anything")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#answer table").wait_for()
    opened.context.close()


def test_every_chart_table_and_field_has_its_text(opened: Opened) -> None:
    assert opened.page.locator(".chart").count() >= 5
    texts = opened.page.locator(".chart[role=img]").evaluate_all("charts => charts.map(chart => chart.ariaLabel)")
    assert len(texts) == opened.page.locator(".chart").count()
    assert all(re.search("imdb|reuters|mine|All lie inside", text) for text in texts), texts
    assert opened.page.locator("table:not([role=grid]):not(:has(caption))").count() == 0
    assert opened.page.locator("table:not(:has(th[scope=col]))").count() == 0
    unnamed = "fields => fields.filter(field => field.labels.length === 0).length"
    assert opened.page.locator("input, select, textarea").evaluate_all(unnamed) == 0
    levels = opened.page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour, below) => {
    canvas.fillStyle = below; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const ground = node => {
    const above = [];
    for (let at = node; at; at = at.parentElement) above.unshift(getComputedStyle(at).backgroundColor);
    return above.reduce((below, colour) => `rgb(${[...rgb(colour, below)].slice(0, 3).join(" ")})`, "white");
  };
  return [...document.querySelectorAll("main *, header *")]
    .filter(node => node.checkVisibility() && !node.closest("svg")
      && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => {
      const below = ground(node);
      const [one, other] = [light(rgb(getComputedStyle(node).color, below)), light(rgb(below, below))];
      return [(Math.max(one, other) + .05) / (Math.min(one, other) + .05), node.outerHTML.slice(0, 80)];
    }).filter(([contrast]) => contrast < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(chromium: Any, written: Path, scheme: str) -> None:
    """Contrasts of WCAG 2, level AA."""
    opened = Opened(chromium, written, color_scheme=scheme)
    opened.page.select_option("#model-choice", "reuters")
    opened.page.fill("#try-text", "anything at all")
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    assert opened.page.evaluate(CONTRASTS) == []
    opened.context.close()


def test_without_texts_it_still_opens(chromium: Any, copy: Path) -> None:
    shutil.rmtree(copy / "data")
    missing, _ = missing_from(copy)
    expected = "data/vectorized/{0}/word_index.json: not there yet; run `dvc repro vectorize@{0}`"
    assert missing == [expected.format("imdb"), expected.format("reuters")]
    opened = Opened(chromium, copy / "page.html")
    assert "data/vectorized/imdb/word_index.json" in opened.page.locator("#missing").inner_text()
    opened.page.locator("#confusion td.wrong").first.click()
    assert "not in this page" in opened.page.locator("#cell-texts").inner_text()
    assert "No network is in this page" in opened.page.locator("#try").inner_text()
    assert opened.complaints == []
    opened.context.close()


def test_one_model_and_nothing_published(chromium: Any, copy: Path) -> None:
    def fewer(content: Any) -> None:
        content["models"] = {"imdb": content["models"]["imdb"]}
        del content["defaults"]["reuters"]

    def nothing(content: Any) -> None:
        content["published"] = []

    edit_yaml(copy / "params.yaml", fewer)
    edit_yaml(copy / "published.yaml", nothing)
    run(copy, "page", "--no-open", "--out", "page.html")
    opened = Opened(chromium, copy / "page.html")
    assert opened.page.locator("#published").is_hidden()
    assert "Published" not in opened.page.locator("nav").inner_text()
    assert opened.texts("#headline tbody th") == ["imdb"]
    assert opened.complaints == []
    opened.context.close()


def test_the_page_of_serve_answers(chromium: Any, project: Path) -> None:
    text = raw_texts(project, "imdb")[0]
    answer = json.loads(run(project, "predict", "imdb", "--explain", "--json", text))
    with server(project, "imdb") as (address, _):
        for scheme, width in (("light", 1280), ("dark", 390)):
            context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
            page = context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message, into=complaints: into.append(message.text))
            page.goto(address)
            page.fill("#text", text)
            page.click("button")
            page.locator("#answer tr").nth(1).wait_for()
            rows = [row.split() for row in page.locator("#answer tr").all_inner_texts()]
            assert rows[0] == [answer["label"], f"{answer['probability']:.4f}"]
            changes = [
                [push["word"], f"{push['change']:+.4f}".replace("-", "\N{MINUS SIGN}")] for push in answer["explain"]
            ]
            assert rows[2:] == changes
            page.fill("#text", f"zzzz {ATTACK}")
            page.click("button")
            page.get_by_text("knows no word of this text").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert complaints == []
            context.close()
