"""The official data, where they are at hand: against Keras' own loaders and what the notebooks print."""

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from reference import fit, train_dense

from bagpipe.scratch.copies import ROOT
from bagpipe.serving.portable import TextClassifier
from stages.common.basics.artifacts import read_json
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.basics.rows import Rows, load_rows
from stages.common.corpora.official import encode, read_archive, read_word_index, split_order
from stages.common.network.backend import keras, tf
from stages.common.network.feeding import Feed
from stages.common.network.training import Runs
from stages.vectorize.labelled import vectorize_texts
from stages.vectorize.vectorize import vectorize
from tests.benchmarks.steps import read_rows
from tests.benchmarks.vectorizers import write_reviews

PARAMS = load_params(ROOT / PARAMS_FILE)
LOADERS = {"imdb": keras.datasets.imdb.load_data, "reuters": keras.datasets.reuters.load_data}

Splits = dict[str, Rows]


@pytest.fixture(scope="module")
def vectorized(official: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Splits]:
    """The rows of each dataset, split by split, as the stage writes them."""
    found = {}
    with contextlib.chdir(tmp_path_factory.mktemp("official")):
        for name in LOADERS:
            Path("data/raw", name).mkdir(parents=True)
            for file in PARAMS.official[name]:
                Path("data/raw", name, file).symlink_to(official / file)
            vectorize(PARAMS, name)
            found[name] = {split: load_rows(name, split) for split in ("train", "test")}
    return found


@pytest.mark.parametrize("name", LOADERS)
def test_every_row_is_that_of_keras(
    official: Path, vectorized: dict[str, Splits], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_data = LOADERS[name]
    monkeypatch.setitem(load_data.__globals__, "get_file", lambda *_, **__: str(official / f"{name}.npz"))
    for split, (texts, labels) in zip(("train", "test"), load_data(num_words=10_000), strict=True):
        rows = vectorized[name][split]
        distinct = [np.unique(text) for text in texts]
        np.testing.assert_array_equal(rows.labels, labels)
        np.testing.assert_array_equal(np.diff(rows.indptr), [len(ids) for ids in distinct])
        np.testing.assert_array_equal(rows.indices, np.concatenate(distinct))


def test_reviews_spelled_out_do_as_well_as_the_official_rows(official: Path, tmp_path: Path) -> None:
    """Within the noise of the seed: three standard deviations of the replicates."""
    raw, texts, rows = (tmp_path / name for name in ("raw", "texts", "rows"))
    for folder in (raw, texts, rows):
        folder.mkdir()
    for file in PARAMS.official["imdb"]:
        (raw / file).symlink_to(official / file)
    write_reviews(raw, PARAMS.datasets["imdb"], texts)
    dataset = TextDataset(texts="mine", format="csv", num_words=10_000, test_split=None, salt=1)
    vectorize_texts(dataset, texts, rows, lambda count: None)
    train, test = read_rows(rows / "train"), read_rows(rows / "test")
    assert [len(train.labels), len(test.labels), train.columns] == [25_000, 25_000, 10_000]
    settings = settings_of(PARAMS, "imdb")
    model, _ = Runs(settings, train, 2, settings.epochs).run(PARAMS.seed)
    _, accuracy = model.evaluate(Feed(test, settings.loss, 2).ordered_batches(), verbose=0)
    replicates = read_json(ROOT / "reports/models/imdb/replicates.json")["accuracy"]
    assert abs(accuracy - replicates["mean"]) < 3 * replicates["sd"]


def test_the_sizes_are_those_of_the_notebooks(vectorized: dict[str, Splits]) -> None:
    sizes = {name: [len(rows.labels) for rows in splits.values()] for name, splits in vectorized.items()}
    assert sizes == {"imdb": [25_000, 25_000], "reuters": [8_982, 2_246]}


def test_imdb_has_the_notebooks_first_review(official: Path, vectorized: dict[str, Splits]) -> None:
    archive, dataset = official / "imdb.npz", PARAMS.datasets["imdb"]
    place = split_order(dataset, {"x_train": 25_000, "x_test": 25_000})["x_train"]["train"][0]
    text = next(itertools.islice(itertools.chain.from_iterable(read_archive(archive, "x_train")), place, None))
    tokens, _ = encode([text], 10_000)
    words = {index + 3: word for word, index in read_word_index(official / "imdb_word_index.json").items()}
    review = " ".join(words.get(token, "?") for token in tokens)
    assert review.startswith("? this film was just brilliant casting location scenery story direction")
    rows = vectorized["imdb"]["train"]
    assert rows.labels[0] == 1
    assert rows.take(np.array([0])).indices.tolist() == sorted(set(tokens.tolist()))


def test_reuters_has_the_notebooks_sample(vectorized: dict[str, Splits]) -> None:
    assert vectorized["reuters"]["train"].labels[10] == 3


def test_the_data_are_as_described(vectorized: dict[str, Splits]) -> None:
    for name, distinct_ids in (("imdb", 132), ("reuters", 82)):
        rows = vectorized[name]["train"]
        assert rows.indices.max() == 9_999
        assert len(rows.indices) / len(rows.labels) == pytest.approx(distinct_ids, abs=1)
    assert np.bincount(vectorized["imdb"]["train"].labels).tolist() == [12_500, 12_500]
    topics = np.bincount(vectorized["reuters"]["train"].labels)
    assert (len(topics), topics.min(), topics.max()) == (46, 10, 3_159)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_the_sparse_layer_equals_dense_over_an_epoch(vectorized: dict[str, Splits], name: str) -> None:
    settings, classes = settings_of(PARAMS, name), len(PARAMS.datasets[name].labels)
    rows = vectorized[name]["train"].between(0, 2_000)
    trained, _ = fit(settings, rows, classes, epochs=1, seed=PARAMS.seed)
    expected = train_dense(settings, rows, classes, epochs=1, seed=PARAMS.seed)
    for found, wanted in zip(trained.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LOADERS)
def test_test_texts_in_words_get_the_answers_of_their_rows(
    official: Path, vectorized: dict[str, Splits], tmp_path: Path, name: str
) -> None:
    dataset, splits = PARAMS.datasets[name], vectorized[name]
    model, _ = Runs(settings_of(PARAMS, name), splits["train"], len(dataset.labels), epochs=1).run(seed=1)
    expected = model.predict(Feed(splits["test"], model.loss, len(dataset.labels)).ordered_batches(), verbose=0)
    index = read_word_index(official / f"{name}_word_index.json")
    words = {rank: word for word, rank in index.items()}
    array = "x" if dataset.test_split else "x_test"
    texts = [
        " ".join(words[rank] for rank in text)
        for block in read_archive(official / f"{name}.npz", array)
        for text in block
    ]
    sizes = {"x": len(texts)} if dataset.test_split else {"x_train": 25_000, "x_test": len(texts)}
    texts = [texts[place] for place in split_order(dataset, sizes)[array]["test"]]
    (tmp_path / "labels.json").touch()
    classifier = TextClassifier(model, index, 1, dataset.labels, tmp_path / "labels.json")
    batches = (tf.constant(texts[start : start + 1_000]) for start in range(0, len(texts), 1_000))
    found = np.concatenate([classifier(batch)["probabilities"].numpy() for batch in batches])
    assert np.abs(found[:, -expected.shape[1] :] - expected).max() <= 1e-5
