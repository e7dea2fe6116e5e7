"""The public face: `import bagpipe`, on a project whose models are tiny and not trained."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import bagpipe
from bagpipe.scratch.copies import ROOT
from bagpipe.texts.model import TEXTS_AT_ONCE
from bagpipe.texts.predict import Classifier
from stages.common.basics.artifacts import write_json
from stages.common.basics.errors import UserError
from stages.common.basics.processor import ANYWHERE, WITH_AVX2
from stages.common.network.layers import new_model
from stages.common.network.saved import save

pytestmark = pytest.mark.slow

WORDS = ["a", "waste", "of", "time", "gem", "oil", "prices", "rise"]
LABELS = {"imdb": ["negative", "positive"], "reuters": ["oil", "grain", "ship"]}
LOSSES = {"imdb": "binary_crossentropy", "reuters": "categorical_crossentropy"}
TEXTS = ["A gem.", "What a waste of time", "", "oil prices rise", "xxxx"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def python(code: str, *arguments: str | Path, folder: Path, options: tuple[str, ...] = ()) -> str:
    """What a process of a user's prints, with no setting of ours in its environment."""
    unset = {name: value for name, value in os.environ.items() if name not in ANYWHERE | WITH_AVX2}
    command = [sys.executable, *options, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=unset, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public") / "project"
    folder.mkdir()
    shutil.copy(ROOT / "params.yaml", folder)
    for seed, (name, labels) in enumerate(LABELS.items()):
        settings = {"hidden": [4], "activation": "tanh", "loss": LOSSES[name]}
        settings |= {"optimizer": "rmsprop", "learning_rate": 0.001}
        network = {"num_words": len(WORDS) + 2, "classes": len(labels), "network": settings}
        save(new_model(network, seed), network, folder / "data" / "models" / name)
        vectorized = folder / "data" / "vectorized" / name
        write_json(vectorized / "word_index.json", {word: rank for rank, word in enumerate(WORDS, start=1)})
        write_json(vectorized / "labels.json", labels)
        write_json(vectorized / "features.json", {"ngrams": 1, "weighting": "binary"})
    return folder


# What `import bagpipe` gives


def test_importing_is_quick_and_gives_two_names(tmp_path: Path) -> None:
    code = """
import sys, time
start = time.perf_counter()
import bagpipe
print(time.perf_counter() - start)
print(*sorted({name.split(".")[0] for name in sys.modules} & {"dvc", "keras", "numpy", "stages", "tensorflow"}))
print(*dir(bagpipe))
print(*(name for name in vars(bagpipe) if not name.startswith("_")))
from bagpipe import *
print(__version__, load_model.__module__, hasattr(bagpipe, "nonsense"))
"""
    seconds, libraries, names, found, starred = python(code, folder=tmp_path).splitlines()
    assert float(seconds) < 1  # it takes hundredths
    assert libraries == ""
    assert names.split() == sorted(bagpipe.__all__) == ["__version__", "load_model"]
    assert found == "load_model"
    assert starred == f"{VERSION} bagpipe False"


def test_the_command_tells_the_version(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bagpipe.cli.main", "--version"]
    assert (
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
        == f"bagpipe {VERSION}\n".encode()
    )
    assert bagpipe.__version__ == VERSION


def test_a_checkout_that_is_not_installed_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "bagpipe").mkdir()
    shutil.copy(ROOT / "bagpipe" / "__init__.py", tmp_path / "bagpipe")
    assert python("import bagpipe; print(bagpipe.__version__)", folder=tmp_path, options=("-S",)) == "0+unknown\n"


# What a model says


@pytest.mark.parametrize("name", LABELS)
def test_a_model_answers_as_the_command(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model = bagpipe.load_model(name, root=project)
    found = model.predict(TEXTS)
    assert model.labels == tuple(LABELS[name])
    monkeypatch.chdir(project)
    for prediction, expected in zip(found, Classifier(name).predict(TEXTS, explain=False), strict=True):
        assert (prediction.label, prediction.probability) == expected.top[0]
        assert list(prediction.probabilities) == LABELS[name]
        assert list(prediction.probabilities.values()) == expected.probabilities.tolist()
        assert {type(value) for value in prediction.probabilities.values()} == {float}
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert len({round(prediction.probability, 5) for prediction in found}) == 4  # two texts have no known word
    with pytest.raises(AttributeError):
        found[0].label = "other"


@pytest.mark.parametrize("count", [0, 1, TEXTS_AT_ONCE, TEXTS_AT_ONCE + 1])
def test_as_many_answers_as_texts_from_any_iterable(project: Path, count: int) -> None:
    found = bagpipe.load_model("reuters", project).predict(WORDS[number % 8] for number in range(count))
    assert len(found) == count
    for number, prediction in enumerate(found):
        assert prediction.label == found[number % 8].label
        assert prediction.probability == pytest.approx(found[number % 8].probability, abs=1e-6)


@pytest.mark.parametrize(
    ("texts", "error", "sentence"),
    [
        ("A gem.", TypeError, r"^texts: expected a list of str, found str; for one text, give \[text\]$"),
        (b"A gem.", TypeError, "^texts: expected a list of str, found bytes"),
        (["A gem.", b"A gem."], TypeError, r"^texts\[1\]: expected str, found bytes$"),
        ([None], TypeError, r"^texts\[0\]: expected str, found NoneType$"),
        (
            ["A", "b\ud800"],
            ValueError,
            r"^texts\[1\]: expected Unicode, found half of a character \(a surrogate\) at 1$",
        ),
    ],
)
def test_what_is_no_list_of_texts(project: Path, texts: object, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        bagpipe.load_model("imdb", project).predict(texts)


# Where a model is


def test_the_project_is_the_current_folder_unless_another_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = bagpipe.load_model("imdb", str(project)).predict(TEXTS)
    monkeypatch.chdir(project)
    model = bagpipe.load_model("imdb")
    monkeypatch.chdir(project.parent)
    assert model.predict(TEXTS) == expected  # whatever the folder is by then
    assert bagpipe.load_model("imdb", "project").predict(TEXTS) == expected


def test_a_wrong_name_or_folder_is_one_sentence(project: Path, tmp_path: Path) -> None:
    file = project / "params.yaml"
    for name, hint in (("imbd", r"; did you mean imdb\?"), ("nope", "")):
        with pytest.raises(UserError, match=rf"^{file}: no model '{name}'; it has imdb, reuters(, \w+)*{hint}$"):
            bagpipe.load_model(name, project)
    with pytest.raises(UserError, match=f"^{project}/data/models/imdb_mse: imdb_mse is not trained yet; run "):
        bagpipe.load_model("imdb_mse", project)
    with pytest.raises(
        UserError, match=f"^{tmp_path}/params.yaml: no such file; expected `root` to be the project's"
    ):
        bagpipe.load_model("imdb", tmp_path)


@pytest.mark.parametrize("name", ["word_index.json", "labels.json", "features.json"])
def test_a_damaged_file_is_named_where_it_is(project: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    path = copy / "data" / "vectorized" / "imdb" / name
    path.write_text("null", encoding="utf-8")
    with pytest.raises(UserError, match=f"^{path}: expected "):
        bagpipe.load_model("imdb", copy)
    path.unlink()
    with pytest.raises(UserError, match=f"^{path}: not there yet; run `dvc repro vectorize@imdb`"):
        bagpipe.load_model("imdb", copy)


FOREIGN = """
import gc, json, logging, os, random, signal, sys, threading
import keras, numpy as np, tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled
threads = tf.config.threading
threads.set_intra_op_parallelism_threads(2)
threads.set_inter_op_parallelism_threads(1)
for seed in (random.seed, np.random.seed, tf.random.set_seed):
    seed(1)
expected = tf.random.uniform([2]).numpy()  # TensorFlow has started: its settings cannot be changed any more
tf.random.set_seed(1)

def state():
    counts = [threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()]
    seeds = [random.getstate(), np.random.get_state()[1].tolist()]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    others = [os.getcwd(), logging.getLogger().level, logging.getLogger().handlers, threading.active_count()]
    return [dict(os.environ), gc.isenabled(), gc.get_freeze_count(), counts, is_op_determinism_enabled(), seeds,
            handlers, others, keras.config.floatx(), sys.excepthook, sys.stdout.errors]

before = state()
import bagpipe
found = bagpipe.load_model("reuters", root=sys.argv[1]).predict(json.loads(sys.argv[2]))
assert state() == before
assert (tf.random.uniform([2]).numpy() == expected).all()
print(json.dumps([list(prediction.probabilities.values()) for prediction in found]))
"""


def test_a_process_that_uses_tensorflow_stays_as_it_is(project: Path, tmp_path: Path) -> None:
    found = json.loads(python(FOREIGN, project, json.dumps(TEXTS), folder=tmp_path))
    expected = [
        list(prediction.probabilities.values())
        for prediction in bagpipe.load_model("reuters", project).predict(TEXTS)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
