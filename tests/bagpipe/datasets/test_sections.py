"""An entry goes into params.yaml and out of it, and no other byte differs, however a user has written the file."""

import pytest
from ruamel.yaml import YAML

from bagpipe.project.sections import with_entry, without_entry
from stages.common.basics.errors import UserError

WRITTEN = """\
# mine

seed: 1  # of weights

defaults:
  one:
    a: 1

# the models
models:
  one: {a: 1}  # first

  # the second
  two:
    b: 2

# the sets
datasets:
  one:
    labels: >-
      a b c
      d e

# the end
"""
ENTRY = "  mine:  # of mine\n    a: 1  # one\n\n    hidden:\n    - 4\n    - 5\n"
VALUES = {
    "a long line": f"b: {'word ' * 40}end",
    "double quotes": 'b: "x\\u00e9\\n"',
    "single quotes": "b: 'it''s'",
    "spaces before a value": "b:    2",
    "spaces at the end": "b: 2   ",
    "a list in brackets": "b: [1,2, 3 ]",
    "a list in brackets over lines": "b: [1,  # one\n      2]",
    "an indented list": "b:\n      - 1\n      - 2",
    "lists of both indents": "b:\n      - 1\n    c:\n    - 1",
    "nothing in words": "b: ~\n    c: null\n    d:",
    "numbers": "b: +1\n    c: 1_000\n    d: 1e-3\n    e: 1.50\n    f: 0x10\n    g: 001",
    "yes and no": "b: True\n    c: yes",
    "an anchor": "b: &x 2\n    c: *x",
    "text over lines": "b: some text\n      that goes on\n    c: 'and\n      on'",
    "text with its lines": "b: |\n      models:\n\n        two: 3",
    "comments": "b: 2        # far\n    # below\n    c: 3 # close",
    "a comment at the end": "b: 2\n    # end of two",
    "a comment after a tab": "b: 2\t# c",
    "other scripts": "b: über 好 😀",
    "an entry by questions": "? b\n    : 2",
}
FILES = {
    "as it is": WRITTEN,
    "the line ends of Windows": WRITTEN.replace("\n", "\r\n"),
    "no line end at the end": WRITTEN.rstrip("\n"),
    "a mark of a document": f"---\n{WRITTEN}",
    "a byte order mark": f"\ufeff{WRITTEN}",
    "blank lines": "\n\n" + WRITTEN.replace("\n\n", "\n\n\n"),
    "no blank lines": WRITTEN.replace("\n\n", "\n"),
    **{name: WRITTEN.replace("b: 2", value) for name, value in VALUES.items()},
}
each_file = pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())


@pytest.mark.parametrize("section", ["defaults", "models", "datasets"])
@each_file
def test_only_the_entry_is_added_and_removed(text: str, section: str) -> None:
    ending = "\r\n" if "\r\n" in text else "\n"
    changed = with_entry(text, section, ENTRY)
    before, found, after = changed.partition(ENTRY.replace("\n", ending))
    assert found
    assert before + after == text
    assert without_entry(changed, section, "mine") == text
    expected, content = (YAML(typ="safe").load(file) for file in (text, changed))
    expected[section]["mine"] = {"a": 1, "hidden": [4, 5]}
    assert content == expected


@each_file
def test_an_entry_of_the_user_goes_alone(text: str) -> None:
    without = without_entry(text, "models", "two")
    lines = iter(text.splitlines(keepends=True))
    assert all(line in lines for line in without.splitlines(keepends=True))
    expected = YAML(typ="safe").load(text)
    del expected["models"]["two"]
    assert YAML(typ="safe").load(without) == expected
    assert "# the second" in without


@pytest.mark.parametrize(
    "text",
    [
        "models: {one: {a: 1}}\n",
        WRITTEN.replace("\n  one:", "\n    one:").replace("\n  two:\n    b", "\n    two:\n      b"),
        WRITTEN.replace("models:", "others:"),
    ],
    ids=["in brackets", "indented by four spaces", "missing"],
)
def test_another_layout_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^params\.yaml: models: expected "):
        with_entry(text, "models", ENTRY)
