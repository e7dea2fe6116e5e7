"""One tokenizer in three languages: all of them find the words of tokenizer_cases.json.

The words there were written by hand, from the definition in stages/common/corpora/tokenizer.py. They cannot be
compared by a fourth program, so a new case is written by hand, too.
"""

import json
import shutil
import subprocess
from typing import NamedTuple

import pytest

from bagpipe.page.write import FOLDER, own_scripts
from bagpipe.scratch.copies import ROOT
from stages.common.corpora.tokenizer import SEPARATORS, split_words

WORDS_SCRIPT = FOLDER / "tokenizer.js"


class Case(NamedTuple):
    """A text, its words, and what it is a case of."""

    about: str
    text: str
    words: list[str]


CASES = [Case(**case) for case in json.loads((ROOT / "tests" / "tokenizer_cases.json").read_text(encoding="utf-8"))]
TEXTS = [case.text for case in CASES]
EXPECTED = {case.about: case.words for case in CASES}


def by_case(found: list[list[str]]) -> dict[str, list[str]]:
    """What was found for each text, to be compared with `EXPECTED`: a difference then names its case."""
    return dict(zip(EXPECTED, found, strict=True))


def in_node(expression: str) -> list:
    """What an expression of JavaScript is for each text, as JSON, beside the page's script."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: nothing to run JavaScript with")
    program = f"""{WORDS_SCRIPT.read_text(encoding="utf-8")}
        const texts = JSON.parse(require("fs").readFileSync(0, "utf-8"));
        console.log(JSON.stringify(texts.map(text => {expression})));"""
    done = subprocess.run([node, "-e", program], input=json.dumps(TEXTS).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_table_has_every_separator_and_no_case_twice() -> None:
    assert len(EXPECTED) == len(set(TEXTS)) == len(CASES) >= 40
    assert set(SEPARATORS) <= set("".join(TEXTS))


@pytest.mark.parametrize("case", CASES, ids=[case.about for case in CASES])
def test_python(case: Case) -> None:
    assert [word.decode() for word in split_words(case.text)] == case.words


def test_tensorflow() -> None:
    from graph_words import words_in_graph

    words = list(dict.fromkeys(word for case in CASES for word in case.words))
    assert by_case(words_in_graph(TEXTS, words)) == EXPECTED


def test_javascript() -> None:
    assert by_case(in_node("wordsOf(text)")) == EXPECTED


def test_the_page_has_this_script_and_marks_as_many_words() -> None:
    assert WORDS_SCRIPT in own_scripts()
    found = in_node("pieces(text)")
    assert ["".join(part for part, _ in pieces) for pieces in found] == TEXTS  # nothing of a text is lost
    assert [sum(is_word for _, is_word in pieces) for pieces in found] == [len(case.words) for case in CASES]
