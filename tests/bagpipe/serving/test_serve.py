"""`bagpipe serve`: the answers of `bagpipe predict` over HTTP."""

import asyncio
import gzip
import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from predicting import TEXTS, bagpipe, error_of, raw_texts
from served import server
from starlette.responses import JSONResponse

from bagpipe.serving.serve import listen, refuse_beyond
from bagpipe.texts.predict import Classifier


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
        ({"shape": [2]}, "expected shape [1] or [1, 1]"),
        ({"shape": [1, 2]}, "expected shape [1] or [1, 1]"),
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


def test_the_version_that_it_names_is_served(address) -> None:
    model = f"{address}v2/models/reuters"
    described = requests.get(model).json()
    [version] = described["versions"]
    body = {"inputs": [{"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["wheat", "oil"]}]}
    assert requests.get(f"{model}/versions/{version}").json() == described
    assert requests.get(f"{model}/versions/{version}/ready").json()["ready"]
    answers = [requests.post(f"{path}/infer", json=body).json() for path in (model, f"{model}/versions/{version}")]
    assert answers[0] == answers[1]
    assert answers[0]["outputs"][0]["shape"] == [2]
    other = requests.post(f"{model}/versions/2/infer", json=body)
    assert (other.status_code, other.json()["error"]) == (404, "expected version 1 of reuters, found '2'")


def test_a_body_of_another_kind_is_told_by_its_kind(address) -> None:
    packed = gzip.compress(b'{"text": ["a"]}')
    answer = requests.post(f"{address}predict", data=packed, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert "not compressed, found gzip" in answer.json()["error"]
    headers = {"Inference-Header-Content-Length": "10"}
    answer = requests.post(f"{address}v2/models/reuters/infer", data=b"{}        \1\0\0\0a", headers=headers)
    assert answer.status_code == 415
    assert "found binary ones; ask with binary_data=False" in answer.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_accepted_sends_at_once(host) -> None:
    with listen(host, 0) as opened, socket.create_connection(opened.getsockname()[:2]):
        accepted, _ = opened.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_who_comes_beyond_the_limit_is_told_to_come_again() -> None:
    connections: set[int] = {1, 2}
    app = refuse_beyond(2, JSONResponse({}), connections)

    def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(app({"type": "http"}, None, send))
        return sent[0], json.loads(sent[1]["body"])

    assert ask()[0]["status"] == 200
    connections.add(3)
    start, said = ask()
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert said == {"error": "expected at most 2 connections, found more; try again"}


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
