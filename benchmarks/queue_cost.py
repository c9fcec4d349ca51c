"""What reading the record costs where it is large: the queue, one change's sign-offs, and the ledger.

    python benchmarks/queue_cost.py                  # 10,000 changes, 10,000 ledger entries, 50 reviewers
    python benchmarks/queue_cost.py --changes 1000

Makes a repository whose queue, sign-offs and ledger are as large as asked, packed as `git gc` leaves them, and reads it as the
commands do. Times are told as ratios to one `git for-each-ref` over the queue on the same repository, in the same run: the least
that anything which looks at every entry can take.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.reviews import Desk, desk, report_of
from workbench.changes import Change, Classification
from workbench.repo import Repo
from workbench.review import index, ledger, queue, signoff
from workbench.review.gates import GATES, digests
from workbench.review.ledger import Applied, Applying

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def main() -> None:
    """Builds the repository, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=10_000, help="queued changes, and ledger entries")
    parser.add_argument("--reviewers", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        set_up = desk(Path(place))
        ids = fill(set_up, asked.changes, asked.reviewers)
        measure(set_up.repo.root, ids, asked.repeat, Path(place) / "index.sqlite")


def measure(root: Path, ids: list[str], repeat: int, place: Path) -> None:
    """Each reading in a Repo of its own, the best of some; then the same again where a process goes on."""

    def refs(repo: Repo) -> object:
        return repo.refs(queue.PREFIX)

    def pending(repo: Repo) -> object:
        return queue.pending(repo)

    def one(repo: Repo) -> object:
        return queue.get(repo, ids[0])

    def valid(repo: Repo) -> object:
        return signoff.valid(repo, queue.get(repo, ids[1]), NOW)

    def entries(repo: Repo) -> object:
        return ledger.entries(repo)

    def indexed(repo: Repo) -> object:
        return index.waiting(repo, place)

    floor = best(root, refs, repeat)
    print(f"{'reading':<44}{'seconds':>9}{'x refs':>9}")
    print(f"{'git for-each-ref over the queue':<44}{floor:>9.3f}{1.0:>9.1f}")
    for name, read in (
        ("the ledger, all entries, a new process", entries), ("the queue in full, a new process", pending),
        ("the queue's lines, the index lost", indexed), ("the queue's lines, from the index", indexed),
        ("one change by its id", one), ("one change and its sign-offs judged", valid),
    ):  # fmt: skip
        if "lost" in name:
            seconds = min(_lost(root, indexed, place) for _ in range(repeat))
        else:
            seconds = best(root, read, repeat)
        print(f"{name:<44}{seconds:>9.3f}{seconds / floor:>9.1f}")
    with Repo.open(root) as repo:
        ledger.entries(repo)
        seconds = min(_timed(lambda: ledger.entries(repo)) for _ in range(repeat))
        print(f"{'the ledger again, nothing added':<44}{seconds:>9.3f}{seconds / floor:>9.1f}")


def _lost(root: Path, read: Callable[[Repo], object], place: Path) -> float:
    place.unlink(missing_ok=True)
    return best(root, read, 1)


def best(root: Path, read: Callable[[Repo], object], repeat: int) -> float:
    """Seconds of the fastest of some, each as a new process would find it."""
    found = []
    for _ in range(repeat):
        ledger.forget()
        with Repo.open(root) as repo:
            found.append(_timed(lambda repo=repo: read(repo)))  # type: ignore[misc]
    return min(found)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def fill(set_up: Desk, count: int, reviewers: int) -> list[str]:
    """Queues `count` changes, records a sign-off of some on each, and `count` entries in the ledger; the ids of the changes."""
    repo = set_up.repo
    base = repo.tree_of("HEAD")
    template = set_up.propose({"README.md": "# other\n"})
    known, decision, author = template.classification, template.decision, template.change.author
    results = list(_results(repo, base, count))
    ids: list[str] = []
    stream: list[bytes] = []
    for number, result in enumerate(results):
        change = Change(base=base, result=result, author=author, title=f"repair {number}")
        found = Classification(digest=change.digest, risks=known.risks, use_cases=known.use_cases, size=known.size)
        report = report_of(result)
        queued = queue.QueuedChange(
            id=change.id, digest=change.digest, change=change, classification=found, decision=decision,
            evidence=digests({GATES: report}), skills=template.skills, use_case="sales", session="s1",
            proposed_at=NOW + timedelta(seconds=number),
        )  # fmt: skip
        ids.append(change.id)
        stream += [
            _commit(queue.PREFIX + change.id, number + 1, f"propose {change.digest}"),
            _inline("change.json", queued.model_dump_json().encode()), _inline(f"evidence/{GATES}", report),
            f"M 040000 {base} base\nM 040000 {result} result\n".encode(),
        ]  # fmt: skip
    stream += list(_ledger(count))
    fast_import(repo, b"".join(stream))
    for number in range(min(reviewers, count)):
        set_up.approve(queue.get(repo, ids[number]), (set_up.ana, set_up.bo)[number % 2])
    subprocess.run(["git", "-C", str(repo.root), "gc", "-q"], check=True)
    return ids


def _results(repo: Repo, base: str, count: int) -> Iterator[str]:
    start = 1_000_000
    stream = [f"reset refs/scratch/start\nfrom {repo.head()}\n\n".encode()]
    for number in range(count):
        stream.append(_commit(f"refs/scratch/{number}", start + number, "x"))
        stream.append(f"from {repo.head()}\n".encode())
        stream.append(_inline("README.md", f"# sales {number}\n".encode()))
    fast_import(repo, b"".join(stream))
    said = repo._ask("for-each-ref", "--format=%(tree) %(refname)", "refs/scratch")
    found = {name: tree for tree, _, name in (line.partition(" ") for line in said.splitlines())}
    subprocess.run(
        ["git", "-C", str(repo.root), "update-ref", "--stdin"], check=True, text=True,
        input="".join(f"delete {name}\n" for name in found),
    )  # fmt: skip
    yield from (found[f"refs/scratch/{number}"] for number in range(count))


def _ledger(count: int) -> Iterator[bytes]:
    """Changes that went in long ago, as the ledger tells them: two entries each, `count` in all."""
    before, sequence = b"", 0
    for number in range(count // 2):
        name = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        told = {"at": NOW, "change": f"sha256:{number:064x}", "queued": name, "ref": "refs/heads/main", "commit": name}
        begun = number * 2 + 1
        for entry in (
            Applying(**told, old=name, decision="review", policy_digest="sha256:0", signoffs=(name[:16],)),  # type: ignore[arg-type]
            Applied(**told, began=begun),  # type: ignore[arg-type]
        ):
            sequence += 1
            prev = hashlib.sha256(before).hexdigest() if before else ""
            before = entry.model_copy(update={"seq": sequence, "prev": prev}).model_dump_json().encode()
            yield _commit(ledger.REF, 2_000_000 + sequence, entry.kind) + _inline("entry.json", before)


def _commit(ref: str, mark: int, message: str) -> bytes:
    who = "workbench <workbench@localhost> 1772442000 +0000"
    return f"commit {ref}\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n{message}\n".encode()


def _inline(path: str, content: bytes) -> bytes:
    return f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"


def fast_import(repo: Repo, stream: bytes) -> None:
    """Many commits at once."""
    subprocess.run(["git", "-C", str(repo.root), "fast-import", "--quiet", "--force"], input=stream, check=True)


if __name__ == "__main__":
    main()
