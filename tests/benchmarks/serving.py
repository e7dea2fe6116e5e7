"""Answers to raw texts: an exported model, `bagpipe predict`'s classifier, and a scikit-learn pipeline.

`python -m tests.benchmarks.serving CONTESTANT MODEL FOLDER` reads texts.json there, the model exported to
FOLDER/exported or that of this project, and prints the median seconds for one text and for a batch of 1,000.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from stages.common.basics.params.sections import OfficialDataset
from stages.common.basics.paths import HERE
from stages.common.corpora.official import find_official_file, read_labels
from tests.benchmarks.steps import NUM_WORDS, Run, run
from tests.benchmarks.vectorizers import in_words

BATCH = 1_000
SINGLE = 300
NAMES = {
    "exported": "exported model, by its signature",
    "session": "exported model, in a session",
    "predict": "`bagpipe predict`",
    "scikit_learn": f"scikit-learn, `CountVectorizer(max_features={NUM_WORDS})` and `LogisticRegression`",
}
Answer = Callable[[list[str]], object]


def write_texts(name: str, dataset: OfficialDataset, path: Path) -> None:
    """Write official texts in words: those to train a peer on, with labels, and those to answer."""
    suffix = "" if dataset.test_split else "_train"
    labels = read_labels(find_official_file(HERE.raw(name), ".npz"), f"y{suffix}", len(dataset.labels)).tolist()
    texts = list(in_words(HERE.raw(name), f"x{suffix}"))
    content = {"train": texts[:-BATCH], "labels": labels[:-BATCH], "new": texts[-BATCH:]}
    path.write_text(json.dumps(content), encoding="utf-8")


def exported(model: str, folder: Path) -> Answer:
    import tensorflow as tf

    classify = tf.saved_model.load(str(folder / "exported")).signatures["serving_default"]
    return lambda texts: classify(text=tf.constant(texts))


def session(model: str, folder: Path) -> Answer:
    """As the model card has it."""
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=-1)
    opened = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with opened.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(opened, ["serve"], str(folder / "exported"))
        signature = loaded.signature_def["serving_default"]
        outputs = [signature.outputs[name].name for name in ("label", "probability", "probabilities")]
        return opened.make_callable(outputs, [signature.inputs["text"].name])


def predict(model: str, folder: Path) -> Answer:
    from bagpipe.texts.predict import Classifier

    classifier = Classifier(model)
    return lambda texts: list(classifier.predict(texts, explain=False))


def scikit_learn(model: str, folder: Path) -> Answer:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    content = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    regression = LogisticRegression(max_iter=20)  # how good it is does not matter here
    vectorizer = CountVectorizer(binary=True, max_features=NUM_WORDS)
    return make_pipeline(vectorizer, regression).fit(content["train"], content["labels"]).predict_proba


def seconds(answer: Answer, texts: list[str]) -> float:
    start = time.perf_counter()
    answer(texts)
    return time.perf_counter() - start


def serving_table(datasets: dict[str, OfficialDataset], env: dict[str, str], rounds: int) -> str:
    """Medians of each contestant for the model that bears its dataset's name, and how they compare to the peer's."""
    lines = []
    for name, dataset in datasets.items():
        runs: dict[str, list[Run]] = {contestant: [] for contestant in NAMES}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_texts(name, dataset, folder / "texts.json")
            python = [sys.executable, "-W", "ignore", "-m"]
            run([*python, "bagpipe.cli.main", "export", name, str(folder / "exported")], Path(), env)
            for _ in range(rounds):
                for contestant, done in runs.items():
                    command = [*python, "tests.benchmarks.serving", contestant, name, temporary]
                    done.append(run(command, Path(), env))
        one, batch = (
            {key: statistics.median(done.report["seconds"][step] for done in found) for key, found in runs.items()}
            for step in ("one", "batch")
        )
        for key in NAMES:
            line = [name, NAMES[key], f"{one[key] * 1000:.2f}", f"{one['scikit_learn'] / one[key]:.1f}"]
            lines.append([*line, f"{BATCH / batch[key]:,.0f}", f"{batch['scikit_learn'] / batch[key]:.1f}"])
    header = ["model", "", "one text, ms", "times faster", f"texts a second, {BATCH:,} at once", "times faster"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def main() -> None:
    contestants = {"exported": exported, "session": session, "predict": predict, "scikit_learn": scikit_learn}
    contestant, model, folder = sys.argv[1:]
    answer = contestants[contestant](model, Path(folder))
    texts = json.loads((Path(folder) / "texts.json").read_text(encoding="utf-8"))["new"]
    for text in texts[:20]:
        answer([text])
    one = statistics.median(seconds(answer, [text]) for text in texts[:SINGLE])
    batch = statistics.median(seconds(answer, texts) for _ in range(7))
    print(json.dumps({"seconds": {"one": one, "batch": batch}}))


if __name__ == "__main__":
    main()
