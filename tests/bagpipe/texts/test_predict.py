"""`bagpipe predict` and `bagpipe decode`, on the models of a scratch copy and against Keras' own functions."""

import json
import os
import re

import numpy as np
import pytest
from keras.src.legacy.preprocessing.text import text_to_word_sequence
from predicting import TEXTS, bagpipe, error_of, raw_texts
from terminal import on_a_terminal

from bagpipe.texts.decode import decode_samples
from bagpipe.texts.predict import Classifier, ExplainedPrediction, format_json, format_line, format_tsv, split_blocks
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.corpora.official import encode
from stages.common.corpora.tokenizer import find_word_ids, split_words


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_of_keras(text):
    assert [word.decode() for word in split_words(text)] == text_to_word_sequence(text)


def test_ids_are_those_of_the_official_encoding():
    index = {"the": 1, "film": 2, "great": 3, "rare": 7}
    tokens, _ = encode([[3, 2, 7, 3]], num_words=9)
    assert find_word_ids("Great film, rare; unheard-of GREAT", index, num_words=9).tolist() == sorted(
        set(tokens.tolist())
    )


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_a_raw_test_text_gets_the_probability_that_evaluate_wrote(scratch, monkeypatch, name):
    monkeypatch.chdir(scratch)
    texts = raw_texts(scratch, name)
    classifier = Classifier(name)
    labels = classifier.labels
    expected = np.load(scratch / "data" / "predictions" / f"{name}.npy")
    if expected.shape[1] == 1:
        expected = np.hstack([1 - expected, expected])
    for row, prediction in zip(expected, classifier.predict(texts, explain=False), strict=True):
        for label, probability in prediction.top:
            assert probability == pytest.approx(row[labels.index(label)], abs=1e-5)
        assert prediction.top[0][1] == pytest.approx(row.max(), abs=1e-5)


def test_explained_words_change_the_output_by_what_is_said(scratch, monkeypatch):
    monkeypatch.chdir(scratch)
    classifier = Classifier("imdb")
    text = raw_texts(scratch, "imdb")[0]
    [prediction] = classifier.predict([text], explain=True)
    label, probability = prediction.top[0]
    changes = [abs(change) for _, change in prediction.pushes]
    assert changes == sorted(changes, reverse=True)
    word, change = prediction.pushes[0]
    shortened = " ".join(w for w in text.split() if w != word)
    [without] = classifier.predict([shortened], explain=False)
    assert probability - dict(without.top)[label] == pytest.approx(change, abs=1e-5)
    assert change != 0


def test_every_line_gets_an_answer_in_its_place(scratch):
    texts = raw_texts(scratch, "reuters")[:3]
    given = "\n".join([texts[0], "", texts[1], "xxxxunheardof", texts[2]]).encode() + b"\n"
    done = bagpipe(scratch, "predict", "reuters", "--json", given=given)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [answer["known_words"] > 0 for answer in answers] == [True, False, True, False, True]
    assert all(len(answer["top"]) == 3 for answer in answers)
    assert b"2 of 5 texts hold no word" in done.stderr


def test_file_arguments_and_standard_input_say_the_same(scratch, tmp_path):
    texts = raw_texts(scratch, "imdb")[:4]
    path = tmp_path / "texts.txt"
    path.write_text("\r\n".join(texts), encoding="utf-8", newline="")
    outputs = {
        bagpipe(scratch, "predict", "imdb", "--tsv", *texts).stdout,
        bagpipe(scratch, "predict", "imdb", "--tsv", "--file", str(path)).stdout,
        bagpipe(scratch, "predict", "imdb", "--tsv", given=path.read_bytes()).stdout,
    }
    [output] = outputs
    header, *lines = output.decode().splitlines()
    assert header.split("\t")[:2] == ["label_1", "probability_1"]
    assert len(lines) == 4


def test_what_comes_before_invalid_utf8_is_answered(scratch):
    done = bagpipe(scratch, "predict", "imdb", "--json", given=b"one\ntwo\nthr\xffee\nfour\n")
    error = done.stderr.decode().splitlines()[-1]
    assert "standard input: line 3: expected UTF-8" in error
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2


def test_blocks_hold_no_more_than_their_size():
    def endless():
        while True:
            yield "text"

    blocks = split_blocks(endless())
    assert {len(next(blocks)) for _ in range(3)} == {2_048}


def test_bad_input_is_one_line(scratch):
    assert "no model 'nope'; it has imdb, reuters" in error_of(bagpipe(scratch, "predict", "nope", "text"))
    assert "missing.txt: No such file" in error_of(bagpipe(scratch, "predict", "imdb", "--file", "missing.txt"))
    assert "found both" in error_of(bagpipe(scratch, "predict", "imdb", "text", "--file", "missing.txt"))
    assert "no dataset 'nope'" in error_of(bagpipe(scratch, "decode", "nope"))
    assert "--index: expected 0 to 3999" in error_of(bagpipe(scratch, "decode", "imdb", "--index", "4000"))
    assert "--index: expected 0 to 999" in error_of(
        bagpipe(scratch, "decode", "imdb", "--split", "test", "--index=-1")
    )
    assert "--label: expected 0 to 45" in error_of(bagpipe(scratch, "decode", "reuters", "--label", "46"))


def test_an_untrained_model_is_told_how_to_train(copy):
    for path in (copy / "data" / "models" / "imdb").iterdir():
        path.unlink()
    (copy / "data" / "models" / "imdb").rmdir()
    error = error_of(bagpipe(copy, "predict", "imdb", "text"))
    assert "imdb is not trained yet; run `dvc repro evaluate@imdb`" in error


@pytest.mark.parametrize("name", ["word_index.json", "labels.json"])
def test_damaged_words_and_labels_are_one_line(copy, monkeypatch, name):
    path = copy / "data" / "vectorized" / "imdb" / name
    monkeypatch.chdir(copy)
    for content in (b"", b"null", b'["one"]', b'{"a": "b"}', b'{"good": -5}', b'{"\xe4": 1}', b"[" * 100_000, None):
        path.unlink()  # it may be a link into the cache
        path.write_bytes(content) if content is not None else os.mkfifo(path)
        for read in (lambda: Classifier("imdb"), lambda: decode_samples("imdb", "train", 0, None, 1)):
            with pytest.raises(UserError, match=f"^data/vectorized/imdb/{name}: "):
                read()


def test_a_model_of_other_labels_is_one_line(copy):
    path = copy / "data" / "vectorized" / "reuters" / "labels.json"
    path.unlink()  # it may be a link into the cache
    path.write_text('["one", "two"]')
    error = error_of(bagpipe(copy, "predict", "reuters", "text"))
    assert "data/models/reuters: a model of 46 labels, and reuters has 2; run `dvc repro evaluate@reuters`" in error


def test_decode_prints_the_texts_that_were_encoded(scratch):
    texts = raw_texts(scratch, "reuters")
    labels = np.load(scratch / "data" / "vectorized" / "reuters" / "test" / "labels.npy")
    names = load_params(scratch / "params.yaml").datasets["reuters"].labels
    wanted = int(np.bincount(labels).argmax())
    done = bagpipe(scratch, "decode", "reuters", "--split", "test", "--label", names[wanted], "--count", "3")
    lines = done.stdout.decode().splitlines()
    samples = np.flatnonzero(labels == wanted)[:3]
    assert lines[::2] == [f"reuters test {sample}, label {wanted} ({names[wanted]}):" for sample in samples]
    for line, sample in zip(lines[1::2], samples, strict=True):
        words = texts[sample].split()
        assert line.split()[0] == "?"
        assert [a for a, b in zip(line.split()[1:], words, strict=True) if a not in (b, "?")] == []


def test_a_byte_order_mark_is_no_part_of_the_first_word(scratch, tmp_path):
    [text] = raw_texts(scratch, "imdb")[:1]
    path = tmp_path / "texts.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\n")
    [expected, *others] = [
        bagpipe(scratch, "predict", "imdb", "--json", text).stdout,
        bagpipe(scratch, "predict", "imdb", "--json", "\ufeff" + text).stdout,
        bagpipe(scratch, "predict", "imdb", "--json", "--file", str(path)).stdout,
        bagpipe(scratch, "predict", "imdb", "--json", given=path.read_bytes()).stdout,
    ]
    assert others == [expected] * 3


HOSTILE = "good\x1b[2J\x9bfilm \x00\u202ebad \u2028end"


@pytest.mark.parametrize("form", ["--table", "--tsv", "--json"])
def test_a_text_does_not_command_the_terminal(scratch, form):
    done = bagpipe(scratch, "predict", "imdb", form, "--explain", given=HOSTILE.encode() + b"\n")
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode()
    assert {sign for sign in printed if not sign.isprintable()} <= {"\n", "\t"}
    if form == "--table":
        assert r"good\x1b[2J\x9bfilm \x00\u202ebad end" in printed.splitlines()[0]


def hostile_prediction() -> ExplainedPrediction:
    """A prediction whose label and word hold what a terminal or a table takes for something else."""
    top = [("tab\t, line\n and \x1b[2J", 0.75), ("lone \ud800", 0.25)]
    return ExplainedPrediction(
        "a text\x1b[2J", top, np.array([0.75, 0.25], np.float32), 1, [("bidi\u202e\u2066", 0.5)]
    )


def test_labels_and_words_do_not_break_a_line_or_command_the_terminal():
    prediction = hostile_prediction()
    cells = format_tsv(prediction).split("\t")
    assert cells == [
        r"tab\t, line\n and \x1b[2J",
        "0.750000",
        r"lone \ud800",
        "0.250000",
        "1",
        r"bidi\u202e\u2066 +0.5000",
    ]
    table = format_line(prediction, width=25).splitlines()
    assert len(table) == 2
    assert all(line.isprintable() for line in table)
    answer = format_json(prediction)
    assert answer.isprintable()
    assert json.loads(answer)["label"] == prediction.top[0][0]


def test_an_argument_that_is_no_utf8(scratch):
    assert "text 2: expected UTF-8, found the byte 0xff at 3" in error_of(
        bagpipe(scratch, "predict", "imdb", "one", "tw\udcff")
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_answers_in_any_encoding(scratch, monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = bagpipe(scratch, "predict", "imdb", given="für → 😀\n".encode())
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode(encoding).rstrip().endswith(r" -> \U0001f600")


@pytest.mark.parametrize("model", ["imdb", "reuters"])
def test_on_a_terminal_answers_have_lines_of_their_own(scratch, model):
    texts = ["a text", "word " * 40, "x" * 100]
    written = on_a_terminal(["predict", model, "--explain", *texts], scratch)
    assert "\r" not in written  # by which a progress bar is drawn
    assert max(map(len, written.splitlines())) <= 80
    assert re.search(r"^(    |.*0\.\d{4}  )(\(no known word\) )?a text$", written, re.MULTILINE)


def test_decoded_texts_do_not_command_the_terminal(copy):
    path = copy / "data" / "vectorized" / "reuters" / "labels.json"
    names = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    path.write_text(json.dumps([f"{name}\x1b[2J" for name in names]), encoding="utf-8")
    done = bagpipe(copy, "decode", "reuters", "--count", "3")
    assert done.returncode == 0, done.stderr.decode()
    assert b"\x1b" not in done.stdout
    assert rb"\x1b[2J" in done.stdout
