"""`bagpipe verify` catches every way to lie that could be thought of, and names it."""

import contextlib
import inspect
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from editing import edit_yaml
from verifying import (
    clone,
    commit,
    committed_params,
    edit_params,
    edit_published,
    edit_text,
    findings_by_check,
    git,
    param_no_longer_declared,
    run_dvc,
)

from bagpipe.review.checks.registry import BY_ID
from bagpipe.review.measured import begin_page
from stages.common.basics.answers import read_answers, write_answers

REPORT = '  report:\n    cmd: python -m stages "$DVC_STAGE"'  # as dvc.yaml has it


def changed_stage_module(folder: Path) -> None:
    edit_text(folder / "stages" / "evaluate.py", "POINTS = 200", "POINTS = 100")


def changed_shared_module(folder: Path) -> None:
    with open(folder / "stages" / "common" / "basics" / "rows.py", "a") as file:
        file.write("\nANOTHER = 1\n")


def changed_param(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=3))


def edited_metrics(folder: Path) -> None:
    path = folder / "reports" / "models" / "imdb" / "metrics.json"
    path.write_text(re.sub(r'("accuracy": )[\d.]+', r"\g<1>0.999", path.read_text()))


def mangled_verdicts(folder: Path) -> None:
    (folder / "reports" / "reproduction.json").write_text("{")


def mangled_history(folder: Path) -> None:
    (folder / "reports" / "models" / "imdb" / "history.csv").write_text("epoch\none\n")


def edited_metrics_and_lock(folder: Path) -> None:
    edited_metrics(folder)
    run_dvc(folder, "commit", "--force")


def edited_answers(folder: Path) -> None:
    """Let each run have got fewer texts wrong, and the lock say so."""
    path = folder / "reports" / "models" / "imdb" / "errors.npz"
    answers = read_answers(path)
    write_answers(path, answers._replace(wrong=np.zeros_like(answers.wrong)))
    run_dvc(folder, "commit", "--force")


def damaged_answers(folder: Path) -> None:
    path = folder / "reports" / "models" / "imdb" / "errors.npz"
    path.write_bytes(path.read_bytes()[:100])


def edited_lock(folder: Path) -> None:
    """Let the lock say that train@imdb wrote another model than evaluate@imdb read."""
    path = folder / "dvc.lock"
    before, entry, after = re.split(r"(  train@imdb:\n(?:    .*\n)+)", path.read_text(), maxsplit=1)
    changed = re.sub(r"(path: data/models/imdb\n.*\n      md5: )\w+", rf"\g<1>{'0a' * 16}", entry)
    assert changed != entry
    path.write_text(before + changed + after)


def edited_hash_of_code(folder: Path) -> None:
    path = folder / "dvc.lock"
    pattern = r"(  render@imdb:\n(?:    .*\n)*?    - path: stages/render.py\n.*\n      md5: )\w+"
    text = re.sub(pattern, rf"\g<1>{'0a' * 16}", path.read_text())
    assert text != path.read_text()
    path.write_text(text)


def committed_defaults(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(batch_size=64))
    run_dvc(folder, "commit", "--force")


def committed_published(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(value="0.5"))
    run_dvc(folder, "commit", "--force", "report")


def committed_params_later(folder: Path) -> None:
    """With another commit behind the lie, which touches dvc.lock as well."""
    committed_params(folder)
    commit(folder)
    edit_params(folder, lambda params: params["plots"].update(dpi=60))
    run_dvc(folder, "repro", "report")


def committed_epochs(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(validation_epochs=7))
    run_dvc(folder, "commit", "--force")


def committed_replicates(folder: Path) -> None:
    edit_params(folder, lambda params: params["replicates"].update(n=5))
    run_dvc(folder, "commit", "--force")


def half_reproduced(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=3))
    run_dvc(folder, "repro", "--single-item", "train@imdb")


def unwatched_stage(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, f"{REPORT} && true")
    run_dvc(folder, "repro", "report")


def data_in_git(folder: Path) -> None:
    git(folder, "add", "--force", "data/raw/imdb/imdb.npz")


def data_elsewhere_in_git(folder: Path) -> None:
    shutil.copy(folder / "data" / "raw" / "imdb" / "imdb_word_index.json", folder / "reports")


def large_file_in_git(folder: Path) -> None:
    (folder / "notes.txt").write_bytes(b"a line\n" * 200_000)


def deleted_report(folder: Path) -> None:
    shutil.rmtree(folder / "reports" / "models" / "imdb" / "plots")


def model_without_results(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"].update(imdb_wide={**params["models"]["imdb"]}))


def entry_without_stage(folder: Path) -> None:
    path = folder / "dvc.lock"
    entry = re.search(r"  report:\n(?:    .*\n)+", path.read_text())
    assert entry
    with open(path, "a") as file:
        file.write(entry[0].replace("  report:", "  former_report:"))


def frozen_stage(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, f"{REPORT}\n    frozen: true")
    changed_param(folder)


def data_out_of_bounds(folder: Path) -> None:
    bounds = {"of": "imdb", "figure": "data.overlap.test_texts_in_train", "low": 1, "high": 9}
    edit_published(folder, lambda content: content["bounds"].append(bounds))
    run_dvc(folder, "repro", "report")


def out_of_bounds(folder: Path) -> None:
    edit_published(folder, lambda content: content["bounds"][0].update(low=0.98))
    run_dvc(folder, "repro", "report")


def not_reproduced(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(value="99.9"))
    run_dvc(folder, "repro", "report")


def invalid_params(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=-3))


def invalid_published(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(of="nothing"))


def invalid_pipeline(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, REPORT.replace("cmd", "command"))


def damaged_lock(folder: Path) -> None:
    edit_yaml(folder / "dvc.lock", lambda content: content["stages"]["report"]["outs"][0].update(md5=10**30))


def edited_benchmark(folder: Path) -> None:
    """Let a page be of code that there was once."""
    code, page = folder / "tests" / "benchmarks" / "soak.py", folder / "reports" / "soak.md"
    code.parent.mkdir(parents=True)
    code.write_text("TRIES = 1\n")
    commit(folder)
    with contextlib.chdir(folder):
        page.write_text(f"# Kills\n\n{begin_page(page.relative_to(folder))}\n")
    code.write_text("TRIES = 2\n")


def page_of_no_day(folder: Path) -> None:
    (folder / "reports" / "parallel.md").write_text("# Stages at once\n\nOn 2 cores.\n")


FILES = "dvc.yaml, dvc.lock, params.yaml, published.yaml"


LIES = [
    (changed_stage_module, "up-to-date", "evaluate@imdb", "stages/evaluate.py is not the one that dvc.lock has"),
    (
        changed_shared_module,
        "up-to-date",
        "baseline@reuters",
        "stages/common/basics is not the one that dvc.lock has",
    ),
    (changed_param, "up-to-date", "train@imdb", "defaults.imdb.epochs is not the one that dvc.lock has"),
    (
        edited_metrics,
        "consistent-lock",
        "evaluate@imdb",
        "reports/models/imdb/metrics.json is not what the stage wrote",
    ),
    (mangled_verdicts, "figures-hold", "report", "verdicts or bounded figures cannot be read"),
    (mangled_history, "results-agree", "imdb", "its results in reports/models/imdb cannot be read"),
    (edited_metrics_and_lock, "results-agree", "evaluate@imdb", "does not follow from confusion.csv"),
    (edited_answers, "results-agree", "replicate@imdb", "got wrong, does not agree with replicates.csv"),
    (damaged_answers, "results-agree", "imdb", "its results in reports/models/imdb cannot be read"),
    (edited_lock, "consistent-lock", "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (edited_hash_of_code, "up-to-date", "render@imdb", "stages/render.py is not the one that dvc.lock has"),
    (
        committed_params,
        "results-of-params",
        "train@imdb",
        "though models.imdb.learning_rate was 0.001 there and is 0.002 here",
    ),
    (
        committed_params_later,
        "results-of-params",
        "validate@imdb",
        "though models.imdb.learning_rate was 0.001 there and is 0.002 here",
    ),
    (
        committed_defaults,
        "results-of-params",
        "replicate@imdb",
        "though models.imdb.batch_size was 32 there and is 64 here",
    ),
    (
        committed_published,
        "figures-hold",
        "report",
        "reproduction.json does not say of imdb test.accuracy that it is",
    ),
    (committed_epochs, "results-agree", "validate@imdb", "history.csv has 4 epochs, not 1 to 7"),
    (committed_replicates, "results-agree", "replicate@imdb", "does not have the seeds 1001 to 1005"),
    (half_reproduced, "consistent-lock", "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (
        param_no_longer_declared,
        "consistent-lock",
        "train@reuters",
        "ran with defaults.reuters.epochs, by dvc.lock, which it does not",
    ),
    (unwatched_stage, "up-to-date", "report", "is not run by `python -m stages`"),
    (data_in_git, "git-contents", "data/raw/imdb/imdb.npz", "is data"),
    (data_elsewhere_in_git, "git-contents", "reports/imdb_word_index.json", "is data"),
    (large_file_in_git, "git-contents", "notes.txt", "has 1,400,000 bytes"),
    (deleted_report, "consistent-lock", "render@imdb", "reports/models/imdb/plots is missing"),
    (model_without_results, "consistent-lock", "validate@imdb_wide", "has no entry in dvc.lock"),
    (entry_without_stage, "consistent-lock", "former_report", "is no stage of dvc.yaml"),
    (frozen_stage, "up-to-date", "report", "is frozen"),
    (out_of_bounds, "figures-hold", "imdb", "test.accuracy is 0."),
    (data_out_of_bounds, "figures-hold", "imdb", "data.overlap.test_texts_in_train is 0, expected 1.0 to 9.0"),
    (not_reproduced, "figures-hold", "report", "imdb test.accuracy of the notebooks differs from ours"),
    (edited_benchmark, "measured-pages", "reports/soak.md", "the code that measured it at commit"),
    (page_of_no_day, "measured-pages", "reports/parallel.md", "does not say on which day, at which commit"),
    (invalid_params, "valid-files", FILES, "params.yaml: defaults.imdb.epochs: expected greater than 0"),
    (invalid_published, "valid-files", FILES, "published.yaml: published.0: expected one of imdb"),
    (invalid_pipeline, "valid-files", FILES, "dvc.yaml' validation failed"),
    (damaged_lock, "valid-files", FILES, "dvc.lock' validation failed"),
]


@pytest.mark.parametrize(("lie", "check", "stage", "problem"), LIES, ids=[lie[0].__name__ for lie in LIES])
def test_a_lie_is_caught_and_named(
    project: Path, lie: Callable[[Path], None], check: str, stage: str, problem: str
) -> None:
    lie(project)
    commit(project)
    found = findings_by_check(clone(project) if lie is not data_in_git else project)
    named = [
        finding for finding in found.get(check, []) if finding["stage"] == stage and problem in finding["problem"]
    ]
    assert named, found
    assert named[0]["fix"]


def test_every_check_has_an_explanation_and_a_lie_that_it_catches() -> None:
    caught = {check for _, check, _, _ in LIES} | {"rerun"}  # see test_rerun.py
    assert caught == set(BY_ID)
    for name, check in BY_ID.items():
        explanation = inspect.getdoc(check) or ""
        assert check.TITLE, name
        assert 3 <= len(explanation.splitlines()) <= 12, name
