"""`bagpipe export` and `bagpipe serve`: the answers of `bagpipe predict`, with TensorFlow alone and over HTTP."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from commands import dvc
from editing import edit_yaml
from predicting import TEXTS, bagpipe, error_of, raw_texts
from served import HOSTILE, server

from bagpipe.serving.batching import Batches, BusyError
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


@pytest.fixture(scope="module")
def address(scratch: Path) -> Iterator[str]:
    with server(scratch, "reuters", "--max-texts", "50", "--max-bytes", "100000") as (address, _):
        yield address


def test_serve_answers_as_predict(address, scratch, monkeypatch) -> None:
    monkeypatch.chdir(scratch)
    texts = [*TEXTS, *raw_texts(scratch, "reuters")[:20]]
    classifier = Classifier("reuters")
    expected = list(classifier.predict(texts, explain=True))
    found = requests.post(f"{address}predict", json={"text": texts, "explain": True}).json()["predictions"]
    for prediction, answer in zip(expected, found, strict=True):
        assert answer["label"] == prediction.top[0][0]
        assert answer["probability"] == pytest.approx(prediction.top[0][1], abs=1e-5)
        assert answer["known_words"] == prediction.known_words
        assert [pushed["word"] for pushed in answer["explain"]] == [word for word, _ in prediction.pushes]
    body = {"id": "42", "inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}
    answer = requests.post(f"{address}v2/models/reuters/infer", json=body).json()
    assert (answer["id"], answer["model_name"]) == ("42", "reuters")
    tensors = {tensor["name"]: tensor for tensor in answer["outputs"]}
    assert tensors["label"]["data"] == [prediction.top[0][0] for prediction in expected]
    assert tensors["probabilities"]["shape"] == [len(texts), len(classifier.labels)]
    probabilities = np.reshape(tensors["probabilities"]["data"], tensors["probabilities"]["shape"])
    assert np.abs(probabilities - [prediction.probabilities for prediction in expected]).max() <= 1e-5
    only = requests.post(f"{address}v2/models/reuters/infer", json={**body, "outputs": [{"name": "label"}]}).json()
    assert [tensor["name"] for tensor in only["outputs"]] == ["label"]


def test_serve_tells_of_itself(address) -> None:
    assert requests.get(f"{address}v2/health/ready").json() == {"ready": True}
    assert requests.get(f"{address}v2/health/live").json() == {"live": True}
    assert requests.get(f"{address}v2/models/reuters/ready").json() == {"name": "reuters", "ready": True}
    assert requests.get(f"{address}v2/models/reuters").json()["inputs"][0]["datatype"] == "BYTES"
    assert requests.get(f"{address}v2").json()["name"] == "bagpipe"
    page = requests.get(address)
    assert "<h1>reuters</h1>" in page.text
    assert not re.findall(r"""(?:src|href)=|https?://""", page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "JSON"),
        (b"{}", 400, "text: expected a value, found none"),
        (b'{"text": []}', 400, "text: "),
        (b'{"text": "one"}', 400, "text: expected a valid array; found 'one'"),
        (b'{"text": [1]}', 400, "text.0: expected a valid string; found 1"),
        (b'{"text": ["a"], "explain": "x"}', 400, "explain: "),
        (b'{"text": ["a"], "txet": 1}', 400, "txet: unknown key"),
        (b'{"text": ["\xff"]}', 400, "invalid unicode"),
        (b'{"text": ["\\ud800"]}', 400, "Invalid JSON"),
        (json.dumps({"text": ["a"] * 51}).encode(), 413, "at most 50 texts, found 51"),
        (json.dumps({"text": ["a" * 100_000]}).encode(), 413, "at most 100,000 bytes"),
        (b"[" * 50_000, 400, ""),
    ],
)
def test_a_bad_request_is_told_in_a_sentence(address, body, status, said) -> None:
    answer = requests.post(f"{address}predict", data=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert requests.post(f"{address}predict", json={"text": ["still there"]}).status_code == 200


def test_a_bad_inference_is_told_in_a_sentence(address) -> None:
    good = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    for change, said in [
        ({"shape": [2]}, "expected shape [1]"),
        ({"datatype": "FP32"}, "inputs.0.datatype: expected 'BYTES'"),
        ({"name": "words"}, "inputs.0.name: expected 'text'"),
        ({"data": []}, "inputs.0.data"),
    ]:
        answer = requests.post(f"{address}v2/models/reuters/infer", json={"inputs": [{**good, **change}]})
        assert answer.status_code == 400
        assert said in answer.json()["error"]
    missing = requests.post(f"{address}v2/models/imdb/infer", json={"inputs": [good]})
    assert (missing.status_code, missing.json()["error"]) == (404, "expected the model reuters, found 'imdb'")
    assert requests.get(f"{address}predict").status_code == 405
    assert requests.get(f"{address}nothing").json() == {"error": "Not Found"}


def test_requests_at_once_get_each_their_own_answer(address, scratch, monkeypatch) -> None:
    monkeypatch.chdir(scratch)
    texts = raw_texts(scratch, "reuters")[:60]
    expected = [prediction.top[0] for prediction in Classifier("reuters").predict(texts, explain=False)]

    def ask(text: str) -> dict[str, Any]:
        return requests.post(f"{address}predict", json={"text": [text]}).json()["predictions"][0]

    with ThreadPoolExecutor(20) as threads:
        for (label, probability), answer in zip(expected, threads.map(ask, texts), strict=True):
            assert answer["probability"] == pytest.approx(probability, abs=1e-5)
            assert answer["label"] == label


def test_serve_ends_with_ctrl_c_and_a_taken_port_is_told(scratch) -> None:
    with server(scratch, "imdb") as (address, process):
        port = address.rstrip("/").rpartition(":")[2]
        assert "name another --port" in error_of(bagpipe(scratch, "serve", "imdb", "--port", port))
        assert "expected an IP address" in error_of(bagpipe(scratch, "serve", "imdb", "--host", "here"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def answered(
    classify: Callable[[list[str], bool], list[Any]], requests_: list[list[str]], **limits: int
) -> list[Any]:
    """What requests that come at once get: answers or errors."""

    async def ask() -> list[Any]:
        batches = Batches(classify, **limits)
        worker = asyncio.create_task(batches.run())
        found = await asyncio.gather(*(batches.predict(texts, False) for texts in requests_), return_exceptions=True)
        worker.cancel()
        return found

    return asyncio.run(ask())


def test_what_waits_together_is_one_batch() -> None:
    calls = []

    def classify(texts: list[str], explain: bool) -> list[str]:
        calls.append(texts)
        return [text.upper() for text in texts]

    found = answered(classify, [["a", "b"], ["c"], ["d", "e"], ["f"]], largest=4, most_waiting=100)
    assert found == [["A", "B"], ["C"], ["D", "E"], ["F"]]
    assert calls == [["a", "b", "c", "f"], ["d", "e"]]


def test_a_failure_is_of_its_batch_alone_and_too_many_are_refused() -> None:
    done = threading.Event()

    def classify(texts: list[str], explain: bool) -> list[str]:
        if not done.is_set():
            done.set()
            raise ValueError
        return texts

    found = answered(classify, [["a"] * 4, ["b"] * 4, ["c"] * 4], largest=4, most_waiting=8)
    assert isinstance(found[0], ValueError)
    assert found[1] == ["b"] * 4
    assert isinstance(found[2], BusyError)
