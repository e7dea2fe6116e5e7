"""Look whether the pages of measurements in reports/ still are of the code that made them.

No stage writes them: they are timings, or of random moments. So each says of which day, commit and machine it is,
and has hashes of its code. A finding means that it does not say so, or that the code that measures has changed since:
nobody has seen what it would find now. To fix it, commit, run the command that is named, and commit the page. If
only what is measured has changed, that is a note and no finding: almost every commit changes it, few move a time, and
none should have to wait for an hour of benchmarks.
"""

from collections.abc import Iterator

from bagpipe.review.committed import CommittedPipeline, Finding
from bagpipe.review.measured import PAGES, hash_code, read_lines

TITLE = "measurements are those of their code"


def find(_: CommittedPipeline) -> Iterator[Finding]:
    """Yield pages that do not say of what they are, or were measured by other code than is here."""
    for path, page in PAGES.items():
        if not path.exists():
            continue
        lines = read_lines(path)
        if lines is None:
            problem = "does not say on which day, at which commit and on which machine it was measured"
            yield Finding(str(path), problem, f"`{page.command}`, then commit")
        elif lines.measures != hash_code(page.measures):
            problem = f"the code that measured it at commit {lines.commit} has changed since"
            yield Finding(str(path), problem, f"`{page.command}`, then commit")


def note(_: CommittedPipeline) -> str:
    """Which pages are of a pipeline that has changed since, in a sentence; empty if none is."""
    older = []
    for path, page in PAGES.items():
        lines = read_lines(path) if path.exists() else None
        if lines and lines.measured != hash_code(page.measured):
            older.append(f"{path} (commit {lines.commit})")
    return f"What is measured has changed since: {', '.join(older)}." if older else ""
