"""Pages of `bagpipe page`: their content, what they lack, and texts and labels for them that are markup."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from calling import run

ATTACK = "</script><img src=x onerror=alert(1)>"
LABELS = ['it\'s "so-so", & more', ATTACK, "Öffi 中文 🎻"]


def hostile_texts(count: int) -> list[tuple[str, str, str]]:
    """Texts that are markup, of labels that are, too; a few under the wrong label."""
    random = np.random.default_rng(0)
    names = ["constructor", "__proto__", "Σίσυφος"]
    found = []
    for number in range(count):
        label = int(random.integers(3))
        told = label if number % 10 else (label + 1) % 3
        words = " ".join(f"w{word}" for word in random.integers(0, 50, 8))
        found.append((f"<b>{names[label]}</b> {words} {ATTACK} {number % 90}", LABELS[told], "a"))
    return found


def unpacked(page: str, name: str) -> bytes:
    (text,) = re.findall(rf'<script type="application/octet-stream" id="{name}">([^<]*)</script>', page)
    return gzip.decompress(base64.b64decode(text))


def content_of(page: Path) -> dict[str, Any]:
    def fail(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(unpacked(page.read_text(encoding="utf-8"), "content"), parse_constant=fail)


def missing_from(copy: Path) -> tuple[list[str], dict[str, Any]]:
    """What the page of a project says is missing, as the command does; and its content."""
    told = run(copy, "page", "--no-open", "--out", "page.html").splitlines()
    content = content_of(copy / "page.html")
    assert [f"left out: {sentence}" for sentence in content["missing"]] == told[:-1]
    assert len(content["models"]) == 3
    return content["missing"], content
