"""A small project for `bagpipe diff`, and the command on it."""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from git_identity import IDENTITY
from made_up_answers import answers_of

from bagpipe.cli.main import main
from stages.common.basics.answers import Answers, pack_answers

OLD_ACCURACY, OLD_LOSS = [0.80, 0.81, 0.82, 0.79, 0.80], [0.50, 0.52, 0.51, 0.49, 0.50]
HIGHER_ACCURACY, HIGHER_LOSS = [0.85, 0.86, 0.87, 0.84, 0.85], [0.60, 0.62, 0.61, 0.59, 0.60]
NEARLY_OLD_ACCURACY = [0.81, 0.80, 0.82, 0.80, 0.80]

RAW_HASH = "74f6cafb300bdb49cbc7317e540537c9.dir"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def table(first_seed: int = 2, **columns: list[float]) -> bytes:
    """replicates.csv."""
    rows = enumerate(zip(*columns.values(), strict=True), first_seed)
    lines = [["seed", *columns], *([seed, *values] for seed, values in rows)]
    return "".join(f"{','.join(map(str, line))}\n" for line in lines).encode()


def entry(params: dict[str, Any], deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    """An entry of dvc.lock."""
    return {
        "cmd": "python -m something",
        "deps": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in deps.items()],
        "params": {"params.yaml": params},
        "outs": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in outs.items()],
    }


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def dvc_hash(path: Path) -> str:
    """What DVC's documentation says of files and folders: of these, the hash of a list of their files."""
    if path.is_file():
        return md5(path.read_bytes())
    files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
    listed = [{"md5": md5(file.read_bytes()), "relpath": name} for name, file in files]
    return f"{md5(json.dumps(listed).encode())}.dir"


COMMON = ("common/network/layers", "common/basics/params/params")


class Project:
    """A small project, to be changed and committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params: dict[str, Any] = {
            "seed": 1,
            "datasets": {"films": {"num_words": 100}, "wires": {"num_words": 200}},
            "models": {
                "one": {"dataset": "films", "hidden": [16, 16]},
                "two": {"dataset": "films", "hidden": [8]},
                "three": {"dataset": "wires", "hidden": [64]},
            },
            "plots": {"dpi": 100},
            "verdicts": {"negligible": 0.002, "equivalent": 0.005},
        }
        self.code: dict[str, str] = {
            f"stages/{name}.py": f"# {name}\n"
            for name in ("train", "replicate", "vectorize/vectorize", "render", *COMMON)
        }
        self.lock: dict[str, Any] = {
            "download@wires": entry({}, {}, {"data/raw/wires": RAW_HASH}),
            "vectorize@films": self.vectorize("films"),
            "vectorize@wires": self.vectorize("wires"),
        }
        self.raw = {"films": RAW_HASH}  # by `dvc add`
        self.reports: dict[str, Any] = {}
        for name, model in self.params["models"].items():
            self.add_model(name, model["dataset"])
        self.lock["report"] = entry({"models": {}}, {"reports/models": "r"}, {"reports/README.md": "m"})

    @staticmethod
    def vectorize(name: str) -> dict[str, Any]:
        deps = {"stages/vectorize/vectorize.py": "", f"data/raw/{name}": RAW_HASH}
        return entry({f"datasets.{name}.num_words": 1}, deps, {f"data/vectorized/{name}": "v"})

    def add_model(self, name: str, dataset: str) -> None:
        vectorized = f"data/vectorized/{dataset}"
        params, deps = {"seed": 1, f"models.{name}.hidden": [1]}, {"stages/common": "", vectorized: "v"}
        self.lock[f"train@{name}"] = entry(params, {"stages/train.py": "", **deps}, {f"data/models/{name}": "m"})
        self.lock[f"evaluate@{name}"] = entry(
            {}, {f"data/models/{name}": "m"}, {f"reports/models/{name}/metrics.json": "j"}
        )
        self.lock[f"replicate@{name}"] = entry(
            params,
            {"stages/replicate.py": "", **deps},
            {f"reports/models/{name}/{file}": "c" for file in ("replicates.csv", "errors.npz")},
        )
        self.lock[f"render@{name}"] = entry(
            {"plots": {}}, {"stages/render.py": ""}, {f"reports/models/{name}/loss.png": "p"}
        )
        self.reports[f"models/{name}/metrics.json"] = {"test": {"loss": 0.5, "accuracy": 0.8, "macro_f1": 0.79}}
        self.reports[f"models/{name}/validation.json"] = {"best_epoch": 4, "val_loss": 0.4, "best_val_accuracy": 0.82}
        self.reports[f"models/{name}/loss.png"] = b"a picture"
        self.replicates(name)

    def replicates(
        self,
        model: str,
        accuracy: list[float] = OLD_ACCURACY,
        loss: list[float] | None = None,
        answers: Answers | None = None,
    ) -> None:
        loss = loss or (OLD_LOSS * len(accuracy))[: len(accuracy)]
        self.reports[f"models/{model}/replicates.csv"] = table(
            test_loss=loss, test_accuracy=accuracy, test_macro_f1=accuracy, validation_val_loss=loss
        )
        self.reports[f"models/{model}/errors.npz"] = pack_answers(answers or answers_of(accuracy))

    def record(self) -> None:
        """Write down in dvc.lock the params and the code that the stages run with, as DVC does."""
        for stage in self.lock.values():
            params = stage["params"]["params.yaml"]
            for key in params:
                value: Any = self.params
                for part in key.split("."):
                    value = value.get(part)
                params[key] = value
            for file in [*stage["deps"], *stage["outs"]]:
                path = self.folder / file["path"]
                if path.exists():
                    file["md5"] = dvc_hash(path)

    def write(self, run: bool = True) -> None:
        """Write all files. run: as if all stages had run with them."""
        stage = {"cmd": "python -m something"}
        per_model = {"foreach": "${models}", "do": stage}
        pipeline = dict.fromkeys(("train", "evaluate", "replicate", "render"), per_model)
        pipeline |= {"vectorize": {"foreach": "${datasets}", "do": stage}, "report": stage}
        files: dict[str, Any] = {"dvc.yaml": {"stages": pipeline}, "params.yaml": self.params, **self.code}
        files |= {f"data/raw/{name}.dvc": {"outs": [{"md5": md5, "path": name}]} for name, md5 in self.raw.items()}
        files |= {f"reports/{name}": content for name, content in self.reports.items()}
        for path in (self.folder / "reports").rglob("*.*"):
            path.unlink()
        for name, content in files.items():
            self.put(name, content)
        if run:
            self.record()
        self.put("dvc.lock", {"schema": "2.0", "stages": self.lock})

    def put(self, name: str, content: Any) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content) if isinstance(content, dict) else None
        (self.folder / name).write_bytes(content if text is None else text.encode())  # JSON is YAML too

    def commit(self, run: bool = True) -> str:
        self.write(run)
        return self.commit_files()

    def commit_files(self) -> str:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", "change")
        return git(self.folder, "rev-parse", "HEAD")


def make_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one commit, on main; Git as it is for everyone, whatever the user's settings."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    found = Project(folder)
    found.commit()
    monkeypatch.chdir(folder)
    return found


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", *arguments])


def content(*arguments: str) -> dict[str, Any]:
    """What `--json` prints."""
    done = diff("--json", *arguments)
    assert done.exit_code == 0, done.output

    def fail(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(done.stdout, parse_constant=fail)


def metric(of: str, figure: str, *arguments: str) -> dict[str, Any]:
    (row,) = [row for row in content(*arguments)["metrics"] if (row["of"], row["figure"]) == (of, figure)]
    return row


def verdict(model: str, *arguments: str) -> dict[str, Any]:
    (row,) = [row for row in content(*arguments)["verdicts"] if row["model"] == model]
    return row


def cells(model: str, *arguments: str) -> list[str]:
    """The line of a model in the first table."""
    page = diff(*arguments).stdout
    line = re.search(rf"^{model}  .*$", page[: page.find("\nMETRICS")], re.MULTILINE)
    assert line, page
    return re.split("  +", line[0])


def assert_one_line(done: Result, *parts: str, exit_code: int = 1) -> None:
    assert done.exit_code == exit_code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line
