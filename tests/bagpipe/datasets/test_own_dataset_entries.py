"""What `bagpipe add` writes into params.yaml, and `bagpipe remove` takes out."""

import pytest
from labelled_texts import SALT
from ruamel.yaml import YAML

from bagpipe.datasets.add import make_dataset, make_entries
from bagpipe.project.sections import with_entry, without_entry
from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import TextDataset
from stages.common.corpora.entries import Columns
from stages.common.corpora.layout import Layout
from stages.vectorize.encoding import Vocabulary

COMMITTED = (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("columns", "num_words", "share", "start"),
    [
        (Columns(), 2**31, 0.2, "--num-words: expected less than or equal to 10000000; found 2147483648"),
        (Columns(), 100, 0.9999999, "--test-split: expected less than or equal to 0.99; found 0.9999999"),
        (Columns(), 100, 1e-9, "--test-split: expected greater than or equal to 0.001; found 1e-09"),
        (Columns(text="a\nb"), 100, 0.2, "--text: expected text of the form"),
        (Columns(group="a\ud800"), 100, 0.2, "--group: expected"),
    ],
)
def test_options_that_params_cannot_have(columns: Columns, num_words: int, share: float, start: str) -> None:
    with pytest.raises(UserError) as caught:
        make_dataset("mine", Layout("csv", [], []), columns, num_words, share)
    assert str(caught.value).startswith(start)
    assert str(caught.value).isprintable()


# Sections


@pytest.mark.parametrize("section", ["defaults", "models", "datasets", "official"])
def test_an_entry_goes_in_and_out_again(section: str) -> None:
    entry = "  mine:  # of mine\n    a: 1  # one\n\n    b: [2, 3]\n"
    changed = with_entry(COMMITTED, section, entry)
    assert len(changed.splitlines()) == len(COMMITTED.splitlines()) + 4
    assert without_entry(changed, section, "mine") == COMMITTED


def test_an_entry_in_the_middle_goes_alone() -> None:
    assert set(COMMITTED.splitlines()) - set(without_entry(COMMITTED, "models", "imdb_mse").splitlines()) == {
        "  imdb_mse: {dataset: imdb, hidden: [16, 16], loss: mse}"
    }
    without = without_entry(COMMITTED, "models", "reuters_holdout")
    assert "reuters_integer_labels" in without
    models = [YAML(typ="safe").load(text)["models"] for text in (COMMITTED, without)]
    assert models[0].keys() - models[1].keys() == {"reuters_holdout"}


# The first model


class Findings:
    """Texts of so many labels and parts."""

    def __init__(self, classes: int, train: int, validation: int = 0, rare: int | None = None) -> None:
        self._parts = {"train": train, "validation": validation, "test": 100}
        self.vocabulary = Vocabulary()
        self.vocabulary.labels = lambda: [str(label) for label in range(classes)]
        self.vocabulary.texts_of = lambda part: {str(label): 10 if label == rare else 40 for label in range(classes)}

    def texts(self, part: str) -> int:
        return self._parts[part]


@pytest.mark.parametrize(
    ("classes", "texts", "loss", "units", "batch", "epochs"),
    [
        (2, 25_000, "binary_crossentropy", 16, 512, 20),
        (46, 8_982, "categorical_crossentropy", 64, 128, 17),
        (3, 200, "categorical_crossentropy", 64, 16, 20),
        (500, 3_000_000, "sparse_categorical_crossentropy", 256, 512, 3),
    ],
)
def test_a_model_that_suits_the_texts(
    classes: int, texts: int, loss: str, units: int, batch: int, epochs: int
) -> None:
    dataset = TextDataset(texts="mine", format="csv", num_words=10_000, test_split=0.2, salt=SALT)
    text = COMMITTED
    for section, entry in make_entries("mine", dataset, Findings(classes, texts)).items():
        text = with_entry(text, section, entry)
        assert all(len(line) <= 118 for line in entry.splitlines())
    assert f"loss: {loss}" in text
    assert f"    hidden:\n    - {units}\n    input_dropout: 0.5" in text
    assert "    ngrams: 2  #" in text
    assert "    weighting: tf_idf  #" in text
    assert f"    batch_size: {batch}  #" in text
    assert f"    epochs: {epochs}  #" in text


@pytest.mark.parametrize(("rare", "expected"), [(None, None), (2, "sqrt")])
def test_rare_labels_count_more_where_there_are_some(rare: int | None, expected: str | None) -> None:
    dataset = TextDataset(texts="mine", format="csv", num_words=10_000, test_split=0.2, salt=SALT)
    entries = make_entries("mine", dataset, Findings(5, 1_000, rare=rare))
    found = YAML(typ="safe").load(entries["models"])["mine"]
    assert found.get("class_weight") == expected
    assert "has 40 training texts, the rarest 10" in entries["models"] or expected is None
