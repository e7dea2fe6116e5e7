"""Terms of several words, and weights of terms: every tool gives a text the answer of a formula."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import as_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.naive_bayes import MultinomialNB
from small_networks import NUM_WORDS, settings_of, some_rows, sparse_inputs
from weighed_models import ASKED, TERMS_BEYOND, Formula, Kind, make_project, make_sources, rows_of

import bagpipe
from bagpipe.page.networks import compose_network
from bagpipe.page.write import FOLDER
from bagpipe.serving.portable import TextClassifier
from bagpipe.texts.decode import decode_samples, open_split
from bagpipe.texts.model import WordModel
from bagpipe.texts.predict import Classifier
from bagpipe.texts.words import UNKNOWN, word_index
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.rows import ChosenRows, Rows, load_rows
from stages.common.corpora.tokenizer import INDEX_FROM, OUT_OF_VOCABULARY, START
from stages.common.network import weighting
from stages.common.network.backend import tf
from stages.common.network.layers import new_model
from stages.common.network.saved import load, save
from stages.common.network.training import Runs
from stages.common.network.weighting import WeighTerms, has_length_one, learn_weights, weights_of
from stages.vectorize.vectorize import vectorize

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"  # Keras, saving weights
)

KINDS = [
    Kind("binary", 2, 2, [4]),
    Kind("binary", 3, 3, []),
    Kind("tf_idf", 1, 3, []),
    Kind("tf_idf", 2, 2, [4]),
    Kind("tf_idf", 3, 3, [5, 4]),
    Kind("naive_bayes", 1, 2, [4]),
    Kind("naive_bayes", 2, 2, [4]),
    Kind("naive_bayes", 3, 2, []),
]
WORDLESS = ["", "  \t ", "unheardof zzzz", "not\u00a0good"]  # those of ASKED that have no word that is known
EXACT = 1e-6


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def formulas(project: Path) -> dict[str, Formula]:
    """What is expected of each model of the project, by name."""
    return make_project(project, KINDS)


@pytest.fixture(params=[kind.name for kind in KINDS])
def formula(
    formulas: dict[str, Formula], project: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Formula:
    """What is expected of each model, in its project."""
    monkeypatch.chdir(project)
    return formulas[request.param]


def exported(formula: Formula) -> TextClassifier:
    name = formula.kind.name
    file = Path("data/vectorized", name, "labels.json")
    return TextClassifier(
        load(f"data/models/{name}"), formula.index, formula.kind.ngrams, formula.labels, file.absolute()
    )


def in_node(name: str, texts: list[str]) -> list[dict[str, Any]]:
    """What the page's network says of texts, in Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: nothing to run JavaScript with")
    network = compose_network(name, name)
    given = {
        "network": asdict(network.content),
        "words": json.loads(network.words),
        "weights": base64.b64encode(network.weights).decode(),
        "texts": texts,
    }
    scripts = "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in ("tokenizer.js", "classifier.js"))
    program = f"""{scripts}
        const given = JSON.parse(require("fs").readFileSync(0, "utf-8"));
        const bytes = Uint8Array.from(atob(given.weights), sign => sign.charCodeAt(0));
        const classifier = new Classifier(given.network, given.words, new Float32Array(bytes.buffer));
        const answers = given.texts.map(text => classifier.predict(text));
        console.log(JSON.stringify(answers.map(answer => ({{...answer, changes: [...answer.changes]}}))));"""
    done = subprocess.run([node, "-e", program], input=json.dumps(given).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


# Probabilities


def test_the_texts_have_what_is_to_be_shown(formula: Formula) -> None:
    """Else the tests below would hold of less than they say."""
    found = dict(enumerate(map(formula.ids, ASKED)))
    assert [ASKED[place] for place, ids in found.items() if ids == [START]] == WORDLESS
    assert "rare ending beyond" in (ASKED[place] for place, ids in found.items() if OUT_OF_VOCABULARY in ids)
    assert len(formula.index) == len(formula.layers[0][0]) - 4 + TERMS_BEYOND
    if formula.kind.ngrams > 1:
        pairs = ("not good", "stra\u00dfe \u00dfharp", "i\u0307stanbul not", "\u03b1\u03c2 good", "k good")
        assert set(pairs) < formula.index.keys()


def test_python_and_the_exported_graph_give_the_probabilities_of_the_formula(formula: Formula, project: Path) -> None:
    name = formula.kind.name
    expected = np.array([formula.probabilities(formula.ids(text)) for text in ASKED])
    assert np.ptp(expected, axis=0).max() > 0.2
    predictions = list(Classifier(name).predict(ASKED, explain=False))
    np.testing.assert_allclose([prediction.probabilities for prediction in predictions], expected, atol=EXACT)
    assert [prediction.known_words for prediction in predictions] == [formula.known_words(text) for text in ASKED]
    called = [list(found.probabilities.values()) for found in bagpipe.load_model(name, project).predict(ASKED)]
    np.testing.assert_allclose(called, expected, atol=EXACT)
    classify = exported(formula)
    together = classify(tf.constant(ASKED))
    alone = [classify(tf.constant([text]))["probabilities"][0].numpy() for text in ASKED]
    np.testing.assert_allclose(together["probabilities"].numpy(), expected, atol=EXACT)
    np.testing.assert_allclose(alone, expected, atol=EXACT)
    np.testing.assert_allclose(together["probability"].numpy(), expected.max(axis=1), atol=EXACT)
    assert classify(tf.constant([], tf.string))["probabilities"].shape == (0, formula.kind.classes)


def test_the_page_gives_the_probabilities_and_changes_of_the_formula(formula: Formula) -> None:
    terms = {rank + 3: term for term, rank in formula.index.items()}
    for text, found in zip(ASKED, in_node(formula.kind.name, ASKED), strict=True):
        ids = formula.ids(text)
        expected = formula.probabilities(ids)
        probabilities = {line["label"]: line["probability"] for line in found["top"]}
        assert [probabilities[label] for label in formula.labels] == pytest.approx(expected, abs=EXACT)
        assert found["knownWords"] == formula.known_words(text)
        label = formula.labels.index(found["top"][0]["label"])
        changes = {terms[place]: formula.without(ids, place, label) for place in ids if place > OUT_OF_VOCABULARY}
        assert dict(found["changes"]) == pytest.approx(changes, abs=EXACT)


def test_an_exported_file_answers_as_the_formula(
    formulas: dict[str, Formula], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project)
    formula = formulas["tf_idf_3"]
    classifier = exported(formula)
    tf.saved_model.save(classifier, str(tmp_path), signatures={"serving_default": classifier.__call__})
    found = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](text=tf.constant(ASKED))
    expected = [formula.probabilities(formula.ids(text)) for text in ASKED]
    np.testing.assert_allclose(found["probabilities"].numpy(), expected, atol=EXACT)


@pytest.mark.parametrize("formula", [kind.name for kind in KINDS if kind.ngrams > 1], indirect=True)
def test_the_ends_of_two_texts_make_no_pair(formula: Formula) -> None:
    texts = ["a film not", "good film", "", "at", "all", "a film not good film", "at all"]
    expected = np.array([formula.probabilities(formula.ids(text)) for text in texts])
    assert np.abs(expected[5] - expected[0]).max() > 0.01
    classifier, classify = Classifier(formula.kind.name), exported(formula)
    for order in (range(7), range(6, -1, -1), [1, 0, 1, 0, 4, 3, 4]):
        some = [texts[place] for place in order]
        found = [prediction.probabilities for prediction in classifier.predict(some, explain=False)]
        np.testing.assert_allclose(found, expected[order], atol=EXACT)
        np.testing.assert_allclose(classify(tf.constant(some))["probabilities"], expected[order], atol=EXACT)


# Explanations


def test_a_push_is_what_leaving_the_term_out_changes(formula: Formula) -> None:
    classifier, terms = Classifier(formula.kind.name), {rank + 3: term for term, rank in formula.index.items()}
    for text in ASKED:
        ids = classifier.ids(text)
        assert ids.tolist() == formula.ids(text)
        words = [place for place in ids.tolist() if place > OUT_OF_VOCABULARY]
        shortened = [ids, *(ids[ids != place] for place in words)]
        probabilities = classifier.probabilities(shortened)
        for label in range(formula.kind.classes):
            pushes = dict(classifier.pushes(ids, label, probabilities[0, label], count=1_000))
            again = {
                terms[place]: probabilities[0, label] - other[label]
                for place, other in zip(words, probabilities[1:], strict=True)
            }
            assert pushes == pytest.approx(again, abs=EXACT)
            expected = {terms[place]: formula.without(ids.tolist(), place, label) for place in words}
            assert pushes == pytest.approx(expected, abs=EXACT)


def test_a_pair_is_explained_by_its_name(
    formulas: dict[str, Formula], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    [prediction] = Classifier("tf_idf_2").predict(["NOT-good"], explain=True)
    assert {word for word, _ in prediction.pushes} == {"not", "good", "not good"}


# What a tool is told of a dataset


def test_features_that_are_damaged_or_not_there_are_one_line(
    formulas: dict[str, Formula], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(shutil.copytree(project, tmp_path / "copy"))
    path = Path("data/vectorized/tf_idf_2/features.json")
    for content in (b"", b"null", b"{}", b'{"ngrams": 4, "weighting": "binary"}', b"\xff", b"[" * 100_000):
        path.write_bytes(content)
        for read in (WordModel, lambda name: compose_network(name, name)):
            with pytest.raises(UserError, match=f"^{path}: expected ngrams and weighting") as caught:
                read("tf_idf_2")
            assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(UserError, match=f"^{path}: not there yet; run `dvc repro vectorize@tf_idf_2`"):
        WordModel("tf_idf_2")


# Datasets that name another's texts


def test_decoded_texts_are_those_of_the_rows_whatever_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    params = make_sources(tmp_path)
    for source in ("imdb", "mine"):
        decoded = {}
        for name in (source, f"{source}_pairs"):
            vectorize(params, name)
            index, rows = word_index(name), load_rows(name, "test")
            terms = {rank + INDEX_FROM: term for term, rank in index.items()}
            texts = open_split(name, dataset_of(params, name), "test")
            assert texts.labels.tolist() == rows.labels.tolist()
            decoded[name] = list(texts.decoded(np.arange(len(rows.labels))))
            for text, row in zip(decoded[name], map(rows.take, np.arange(len(rows.labels))[:, None]), strict=True):
                known = {terms[place] for place in row.indices.tolist() if place > OUT_OF_VOCABULARY}
                named = {term for term in known if " " not in term and not term.startswith("#")}  # see official_terms
                assert set(text.split()) - {UNKNOWN} == named
        assert any(" " in term for term in terms.values())
        for texts in zip(*decoded.values(), strict=True):
            for one, other in zip(*map(str.split, texts), strict=True):
                assert one == other or UNKNOWN in (one, other)
        capsys.readouterr()
        decode_samples(name, "test", 1, None, 1)
        assert capsys.readouterr().out.splitlines()[1] == decoded[name][1]


# The weights of terms

FIRST_TERM = INDEX_FROM + 1
WEIGHTINGS = ("tf_idf", "naive_bayes")


def rows_with_marks(count: int, seed: int) -> Rows:
    """Random rows: one is empty, one has marks alone, and a term is in none."""
    random = np.random.default_rng(seed)
    has = random.random((count, NUM_WORDS)) < 0.1
    has[:, START] = True
    has[1], has[2, FIRST_TERM:], has[:, 50] = False, False, False
    return rows_of([np.flatnonzero(row).tolist() for row in has], random.integers(0, 2, count).tolist(), NUM_WORDS)


def terms_alone(rows: Rows) -> np.ndarray:
    """Ones and zeros of terms, marks left out."""
    return as_matrix(rows).toarray()[:, FIRST_TERM:]


def log_count_ratio(rows: Rows) -> np.ndarray:
    """Wang and Manning 2012, equation 1, of the presence of terms: alpha is 1."""
    present = terms_alone(rows).astype(float)
    p, q = 1 + present[rows.labels == 1].sum(axis=0), 1 + present[rows.labels == 0].sum(axis=0)
    return np.log((p / np.abs(p).sum()) / (q / np.abs(q).sum()))


def weighed(weights: np.ndarray, kind: str, rows: Rows) -> list[np.ndarray]:
    """What the layer makes of rows as a sparse tensor, and as a dense one."""
    layer, inputs = WeighTerms(has_length_one(kind), weights), sparse_inputs(rows)
    return [tf.sparse.to_dense(layer(inputs)).numpy(), layer(tf.sparse.to_dense(inputs)).numpy()]


def test_tf_idf_is_that_of_scikit_learn() -> None:
    train, others = rows_with_marks(70, 1), some_rows(40, 2)
    known = TfidfTransformer().fit(terms_alone(train))
    for rows in (train, others):
        for found in weighed(learn_weights(train, 2, "tf_idf", "d"), "tf_idf", rows):
            assert not found[:, :FIRST_TERM].any()
            expected = known.transform(terms_alone(rows)).toarray()
            np.testing.assert_allclose(found[:, FIRST_TERM:], expected, rtol=0, atol=EXACT)
            assert not found[1].any()  # which is empty
    assert not weighed(learn_weights(train, 2, "tf_idf", "d"), "tf_idf", train)[0][2].any()  # of marks alone


def test_naive_bayes_is_the_log_count_ratio() -> None:
    train, others = rows_with_marks(70, 1), some_rows(40, 2)
    ratios = log_count_ratio(train)
    trained = MultinomialNB(alpha=1).fit(terms_alone(train), train.labels)
    np.testing.assert_allclose(ratios, np.subtract(*trained.feature_log_prob_[::-1]), rtol=0, atol=1e-9)
    for rows in (train, others):
        for found in weighed(learn_weights(train, 2, "naive_bayes", "d"), "naive_bayes", rows):
            assert not found[:, :FIRST_TERM].any()
            np.testing.assert_allclose(found[:, FIRST_TERM:], terms_alone(rows) * ratios, rtol=0, atol=EXACT)


def test_naive_bayes_is_above_0_for_a_term_of_the_second_class() -> None:
    weights = learn_weights(rows_of([[1, 4], [1, 5], [1, 4, 5, 6]], [0, 1, 1], 7), 2, "naive_bayes", "d")
    np.testing.assert_allclose(weights[4:], np.log(np.array([2 / 2, 3 / 1, 2 / 1]) * 4 / 7), atol=EXACT)
    assert weights[:4].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", WEIGHTINGS)
def test_weights_are_of_the_rows_that_are_given_however_they_are_read(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = some_rows(60, 2)
    chosen = np.zeros(60, bool)
    chosen[20:50] = True
    expected = learn_weights(rows.take(np.arange(20, 50)), 2, kind, "d")
    monkeypatch.setattr(weighting, "ROWS_AT_ONCE", 7)
    for some in (rows.between(20, 50), ChosenRows(rows, chosen)):
        assert learn_weights(some, 2, kind, "d").tobytes() == expected.tobytes()
    assert learn_weights(rows, 2, kind, "d").tobytes() != expected.tobytes()


def test_naive_bayes_of_three_labels_is_refused_and_ones_have_no_weights() -> None:
    expected = "params.yaml: datasets.d.weighting: expected one for 3 labels, found 'naive_bayes'"
    with pytest.raises(UserError, match=expected):
        learn_weights(some_rows(60, 3), 3, "naive_bayes", "d")
    assert learn_weights(some_rows(60, 3), 3, "binary", "d") is None
    settings = {"hidden": [2], "activation": "tanh", "loss": "binary_crossentropy"}
    assert weights_of(new_model({"num_words": 9, "classes": 2, "network": settings}, 1)) is None


# In runs and files


@pytest.mark.parametrize("kind", WEIGHTINGS)
def test_held_out_rows_have_no_part_in_the_weights(kind: str) -> None:
    settings, _ = settings_of("imdb", hidden=[])
    rows, others = some_rows(90, 2), some_rows(200, 2)
    held_out, remaining = rows.between(0, 30), rows.between(30, 90)
    found = set()
    for one in (held_out, held_out._replace(labels=1 - held_out.labels), others.between(100, 200)):
        model, _ = Runs(settings, remaining, 2, 1, one, weighting=kind).run(1)
        assert weights_of(model).weights.tobytes() == learn_weights(remaining, 2, kind, "d").tobytes()
        found.add(b"".join(weights.tobytes() for weights in model.get_weights()))
    assert len(found) == 1


def test_labels_of_training_rows_have_a_part_in_those_of_naive_bayes() -> None:
    settings, _ = settings_of("imdb", hidden=[])
    rows = some_rows(60, 2)
    runs = [
        Runs(settings, some, 2, 1, weighting="naive_bayes") for some in (rows, rows._replace(labels=1 - rows.labels))
    ]
    one, other = (weights_of(run.run(1)[0]).weights for run in runs)
    np.testing.assert_allclose(one, -other, atol=EXACT)
    again, _ = runs[0].run(2)
    assert weights_of(again).weights.tobytes() == one.tobytes()  # they are not trained


@pytest.mark.parametrize("kind", WEIGHTINGS)
def test_a_saved_model_predicts_the_same_bytes(tmp_path: Path, kind: str) -> None:
    settings, _ = settings_of("imdb", hidden=[4], input_dropout=0.5, dropout=0.5)
    rows = rows_with_marks(60, 1)
    runs = Runs(settings, rows, 2, 2, weighting=kind)
    trained, _ = runs.run(1)
    save(trained, runs.network, tmp_path / "model")
    loaded = load(tmp_path / "model")
    for inputs in (sparse_inputs(rows), as_matrix(rows).toarray()):
        expected = trained.predict(inputs, verbose=0)
        assert np.isfinite(expected).all()
        assert loaded.predict(inputs, verbose=0).tobytes() == expected.tobytes()
    for found, expected in zip(weights_of(loaded), weights_of(trained), strict=True):
        np.testing.assert_array_equal(found, expected)
