"""Look for data in the last commit, and for what was checked here and is not in it.

The other checks read this folder; what counts is the commit. So every file that they go by must have the same bytes
in both, no .dvcignore may hide one of them from DVC, and nothing of data/ and no large file may be in Git. To fix a
finding, commit the file, restore it, or take it out of Git, as it says.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bagpipe.project.git import blob_id, git_names, read_tree
from bagpipe.review.checks.valid_files import GOES_BY
from bagpipe.review.committed import CommittedPipeline, Finding, split_deps
from bagpipe.review.measured import PAGES

TITLE = "Git has what was checked, and no data"


LARGEST = 1 << 20  # bytes, of a file in Git


DATA_SUFFIXES = {".h5", ".hdf5", ".keras", ".npy", ".npz", ".pickle", ".pkl"}


def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Look for data in the last commit, and for what was checked here and is not in it."""
    official = {name for files in pipeline.params.official.values() for name in files}
    for path, size in pipeline.committed.items():
        parts = PurePosixPath(path)
        is_unknown_array = parts.suffix in DATA_SUFFIXES and path not in pipeline.outs
        known = pipeline.is_data(path) or is_unknown_array or parts.name in official
        if (parts.parts[0] == "data" and path not in pipeline.added) or known:
            yield Finding(path, "is data and in Git", f"`git rm --cached {path}`, then commit")
        elif size > LARGEST:
            yield Finding(path, f"has {size:,} bytes and is in Git", f"`git rm --cached {path}`, then commit")
    checked = {str(dep) for stage in pipeline.stages for dep in split_deps(stage)[0]} | pipeline.outs.keys()
    measured = {name for page, code in PAGES.items() if page.exists() for name in (str(page), *code.measures)}
    paths = sorted({*GOES_BY, *measured, *pipeline.added, *(path for path in checked if not pipeline.is_data(path))})
    within = tuple(f"{path}/" for path in paths)
    committed = {name: blob for name, blob in read_tree("HEAD").items() if f"{name}/".startswith(within)}
    here = {*committed, *git_names("ls-files", "--cached", "--others", "-z", "--", *paths)}
    hidden = {name for name in here if pipeline.repo.dvcignore.is_ignored_file(name)}
    for path in sorted(hidden & committed.keys()):
        problem = "is in Git, and a .dvcignore hides it from DVC, which so does not see it change"
        yield Finding(path, problem, "take it out of Git, or of .dvcignore")
    for path in sorted(here - hidden):
        if not is_as_committed(Path(path), committed.get(path)):
            yield Finding(path, "is not in the last commit as it is here", "commit it, or `git checkout` it")


def is_as_committed(path: Path, blob: str | None) -> bool:
    """Whether a regular file here has the very bytes of its blob in Git.

    `git diff` would not do: it looks at a file as .gitattributes says that its bytes stand for those in Git.
    """
    if blob is None or path.is_symlink() or not path.is_file():
        return False
    return blob_id(path.read_bytes(), blob) == blob
