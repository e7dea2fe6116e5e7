"""`bagpipe export`: the answers of `bagpipe predict`, with TensorFlow alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import dvc
from editing import edit_yaml
from predicting import bagpipe, error_of, raw_texts
from served import HOSTILE

from bagpipe.texts.predict import Classifier, ExplainedPrediction

# What has TensorFlow and nothing else: neither Keras nor this project can be imported.
CONSUMER = """
import json, sys
sys.modules["keras"] = None
import numpy as np, tensorflow as tf
classify = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = json.load(sys.stdin)
answer = classify(text=tf.constant(texts, tf.string))
assert not any(name.split(".")[0] == "stages" for name in sys.modules)
json.dump({name: found.numpy().astype("U" if found.dtype == tf.string else found.dtype.as_numpy_dtype).tolist()
           if found.dtype != tf.string else [label.decode() for label in found.numpy()]
           for name, found in answer.items()}, sys.stdout)
"""


def answers_of(folder: Path, texts: list[str], tmp_path: Path) -> dict[str, Any]:
    """What an exported model says, in a process that has nothing but TensorFlow."""
    command = [sys.executable, "-I", "-c", CONSUMER, str(folder.absolute())]
    done = subprocess.run(command, cwd=tmp_path, input=json.dumps(texts).encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def same_answers(found: dict[str, Any], predictions: list[ExplainedPrediction]) -> None:
    expected = np.array([prediction.probabilities for prediction in predictions])
    assert np.abs(np.array(found["probabilities"]) - expected).max() <= 1e-5
    assert np.abs(np.array(found["probability"]) - expected.max(axis=1)).max() <= 1e-5
    for label, prediction in zip(found["label"], predictions, strict=True):
        first, *others = prediction.top
        ties = [other for other, probability in others if first[1] - probability <= 1e-5]
        assert label in (first[0], *ties)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def with_own_texts(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which a model of own texts is trained, too."""
    folder = tmp_path_factory.mktemp("serving") / "copy"
    shutil.copytree(scratch, folder)
    lines = [f"{'Ⱟ ÇA ΣΊΣΥΦΟΣ' if number % 2 else 'straße İğne'} {number % 7},{number % 2}" for number in range(200)]
    (folder / "own.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    done = bagpipe(folder, "add", "mine", "own.csv")
    assert done.returncode == 0, done.stderr.decode()
    done = dvc(folder, "repro", "evaluate@mine", "replicate@mine", capture_output=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["imdb", "reuters", "mine"])
def test_exported_model_answers_as_predict(with_own_texts, monkeypatch, tmp_path, name) -> None:
    monkeypatch.chdir(with_own_texts)
    done = bagpipe(with_own_texts, "export", name, str(tmp_path / "exported"))
    assert done.returncode == 0, done.stderr.decode()
    texts = [*HOSTILE, "Ⱟ ça, σίσυφος", "STRASSE straße İĞNE i̇ğne 5"]
    texts += raw_texts(with_own_texts, name)[:200] if name != "mine" else []
    predictions = list(Classifier(name).predict(texts, explain=False))
    same_answers(answers_of(tmp_path / "exported", texts, tmp_path), predictions)
    if name == "mine":
        assert predictions[-2].known_words == 3
    empty = answers_of(tmp_path / "exported", [], tmp_path)
    assert empty == {"label": [], "probability": [], "probabilities": []}


def test_the_bytes_are_the_same_each_time(scratch, tmp_path, monkeypatch) -> None:
    for folder, seed, locale in (("a", "1", "C.UTF-8"), ("some/where/else", "2", "tr_TR.UTF-8")):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        monkeypatch.setenv("LC_ALL", locale)
        done = bagpipe(scratch, "export", "reuters", str(tmp_path / folder))
        assert done.returncode == 0, done.stderr.decode()
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "some/where/else")
    assert first.keys() >= {"saved_model.pb", "assets/labels.json", "README.md"}
    for content in first.values():
        assert str(tmp_path).encode() not in content
        assert str(scratch).encode() not in content


def test_the_card_has_the_figures(scratch, tmp_path) -> None:
    assert bagpipe(scratch, "export", "imdb", str(tmp_path / "exported")).returncode == 0
    card = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
    metrics = json.loads((scratch / "reports/models/imdb/metrics.json").read_text())["test"]
    spread = json.loads((scratch / "reports/models/imdb/replicates.json").read_text())["accuracy"]
    [line] = re.findall(r"\| accuracy .*", card)
    assert f"{metrics['accuracy']:.4f}" in line
    assert f"{spread['mean']:.4f} ± {spread['sd']:.4f}" in line
    assert "Generated texts" in card
    assert f"training does not have word for word: {metrics['accuracy']:.4f} ({spread['mean']:.4f} ± " in card
    data = json.loads((scratch / "reports/datasets/imdb/data.json").read_text())
    near = data["overlap"]["near_duplicates"]
    texts = data["test"]["texts"]
    assert f"Of {texts:,} test texts 0 are in the training set word for word; {near} more are there nearly." in card


def test_what_the_card_says_of_calling_it_is_true(scratch, tmp_path) -> None:
    """Its two ways, run as they stand there, one after the other, give the same answer."""
    assert bagpipe(scratch, "export", "imdb", str(tmp_path / "exported")).returncode == 0
    card = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(blocks) == 2
    same = "assert abs(answer['probabilities'].numpy()[0] - probabilities[0]).max() < 1e-6\n"
    same += "assert answer['label'].numpy()[0] == label[0]"
    command = [sys.executable, "-I", "-c", "\n".join([*blocks, same])]
    done = subprocess.run(command, cwd=tmp_path / "exported", capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_bad_exports_are_told_in_a_sentence(copy, tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "expected an empty folder" in error_of(bagpipe(copy, "export", "imdb", str(tmp_path / "full")))
    assert "expected an empty folder" in error_of(bagpipe(copy, "export", "imdb", str(tmp_path / "full/file")))
    assert "no model 'mdb'" in error_of(bagpipe(copy, "export", "mdb", str(tmp_path / "new")))

    def narrower(content: Any) -> None:
        content["models"]["imdb"]["hidden"] = [8]

    edit_yaml(copy / "params.yaml", narrower)
    assert "expected to be up to date" in error_of(bagpipe(copy, "export", "imdb", str(tmp_path / "new")))
    shutil.rmtree(copy / "data" / "models" / "imdb")
    assert "is not trained yet" in error_of(bagpipe(copy, "export", "imdb", str(tmp_path / "new")))
    assert not (tmp_path / "new").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]
