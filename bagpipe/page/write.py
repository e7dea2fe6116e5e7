"""`bagpipe page`: one HTML file of everything, which asks the network for nothing.

All that it shows is in it, as JSON and weights, compressed; its scripts are the only ones that may run, by their
hashes, and none of them may load anything. It holds texts of the data, so Git must not take it.
"""

import base64
import gzip
import hashlib
import html
import json
import math
import re
import webbrowser
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bagpipe.page.networks import NetworkContent, PageNetwork, read_networks
from bagpipe.page.results import ResultsContent, read_contents
from bagpipe.page.texts import TextsContent, compose_texts
from bagpipe.project.git import try_git
from bagpipe.project.vega import read_vega_script
from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import load_params
from stages.common.judging.published import applicable, load_published
from stages.common.judging.reproduction import judge, read_results

PAGE = Path("data/page.html")
FOLDER = Path(__file__).parent
START = "page.js"  # the last script: the others only define what it calls
MARK = re.compile(r"\{\{(\w+)\}\}")


def check_place(path: Path) -> None:
    """Check that a file may hold texts of the data: that Git does not take it.

    Raises:
        UserError: it would, or has it already.
    """
    place = path.parent.resolve() / path.name
    folder = next(parent for parent in place.parents if parent.is_dir())
    if try_git("-C", str(folder), "rev-parse", "--git-dir").returncode:
        return
    if try_git("-C", str(folder), "check-ignore", "--quiet", "--", str(place)).returncode:
        raise UserError(
            f"{path}: the page holds texts of the data, and Git would take it here; name a place that Git ignores, "
            f"as {PAGE}, or one outside of the repository"
        )


@dataclass(frozen=True, kw_only=True)
class PageContent:
    """All that the page shows; changes: since a revision, if asked for, as `bagpipe diff --json` has them."""

    results: ResultsContent
    texts: TextsContent
    networks: list[NetworkContent]
    changes: dict[str, Any] | None
    missing: list[str]


def replace_nan(content: Any) -> Any:
    """Content of JSON, which knows no NaN: None in its place."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: replace_nan(value) for key, value in content.items()}
    return [replace_nan(value) for value in content] if isinstance(content, list | tuple) else content


def collect(params: Params, revision: str | None) -> tuple[PageContent, list[PageNetwork]]:
    """All that the page shows.

    Raises:
        UserError: the results are not there, or there is no such revision.
    """
    changes = None
    if revision is not None:
        from bagpipe.page.changes import changes_since

        changes = changes_since(revision)
    notebooks = load_published(params)
    try:
        read = read_results(params)
        results = read_contents(params, notebooks, read, judge(applicable(notebooks, params).published, read))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not there yet, or not of all models; run `bagpipe repro`") from None
    texts = compose_texts(params, results.confusion)
    networks, without = read_networks(params)
    content = PageContent(
        results=results,
        texts=texts,
        networks=[network.content for network in networks],
        changes=changes,
        missing=list(dict.fromkeys([*texts.missing, *without])),
    )
    return content, networks


def page_json(content: PageContent) -> bytes:
    """All that the page shows as one JSON object."""
    found = asdict(content)
    flat = found.pop("results") | found.pop("texts") | found
    return json.dumps(replace_nan(flat), default=str).encode()


def own_scripts() -> list[Path]:
    """The page's own scripts in their order."""
    return sorted(FOLDER.glob("*.js"), key=lambda path: (path.name == START, path.name))


def pack(name: str, content: bytes) -> str:
    """Data in the page: compressed, in base64, the same whenever it is written."""
    text = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f'<script type="application/octet-stream" id="{name}">{text}</script>'


def pack_data(content: PageContent, networks: Iterable[PageNetwork]) -> str:
    """All data in the page."""
    parts = [pack("content", page_json(content))]
    for network in networks:
        name = network.content.name
        parts += [pack(f"words-{name}", network.words), pack(f"weights-{name}", network.weights)]
    return "\n".join(parts)


def policy(scripts: Iterable[str], style: str) -> str:
    """What the page may do: run these scripts, use this style, and load nothing from anywhere."""

    def hashes(texts: Iterable[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; script-src {hashes(scripts)}; "
        f"style-src {hashes([style])}"
    )


def fill_template(content: PageContent, networks: Iterable[PageNetwork]) -> str:
    """The page."""
    scripts = [read_vega_script(), *(path.read_text(encoding="utf-8") for path in own_scripts())]
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    names = ", ".join(dataset.name for dataset in content.results.datasets)
    parts = {
        "policy": policy(scripts, style),
        "title": html.escape(f"bagpipe: {names}"),
        "style": style,
        "data": pack_data(content, networks),
        "scripts": "\n".join(f"<script>{text}</script>" for text in scripts),
    }
    template = (FOLDER / "page.html").read_text(encoding="utf-8")
    return MARK.sub(lambda mark: parts[mark[1]], template)


def write_page(path: Path, revision: str | None, show: bool) -> None:
    """Write the page and open it in a browser, if asked for.

    Raises:
        UserError: Git would take it, the results are not there, or there is no such revision.
    """
    params = load_params()
    check_place(path)
    content, networks = collect(params, revision)
    write_text(path, fill_template(content, networks))
    for sentence in content.missing:
        print(f"left out: {sentence}")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; it holds texts of the data, so keep it out of Git")
    if show and not webbrowser.open(path.absolute().as_uri()):
        print("No browser was found; open the file in one.")
