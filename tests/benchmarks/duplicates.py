"""How well `issue/find-duplicates` finds what maintainers themselves marked as duplicates.

Run as `python -m tests.benchmarks.duplicates`; needs the shared data beside the checkout.
"""

import gzip
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.library.issue.find_duplicates import Index, mentioned

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
THRESHOLDS = (0.30, 0.40, 0.45, 0.50, 0.60)

_REFERENCE = r"(?:https://github\.com/bitcoin-core/secp256k1/(?:issues|pull)/|#)(\d+)\b"
_MARKED = re.compile(
    r"\b(?:(?:duplicate|dupe|dup) of|clos(?:ing|ed)(?: this)?(?: issue| PR)?(?: as \w+)? in favou?r of|superseded by|"
    r"replaced by(?: more descriptive)?|(?:that's|this is|it's) the same (?:issue )?as)\s+"
    rf"{_REFERENCE}(?: and {_REFERENCE})?",
    re.IGNORECASE,
)  # fmt: skip
_INSIDERS = {"OWNER", "MEMBER", "CONTRIBUTOR", "COLLABORATOR"}


@dataclass(frozen=True)
class Measured:
    """At one threshold: what was named, and what of it maintainers had marked."""

    threshold: float
    spoke_on: int
    named: int
    marked_found: int
    marked: int
    right: int
    named_on_marked: int

    @property
    def recall(self) -> float:
        """Of the issues with a marked duplicate among the earlier ones, those for which one was named."""
        return self.marked_found / self.marked if self.marked else 0.0

    @property
    def precision(self) -> float:
        """Of what was named on those issues, the part that was marked. Elsewhere nobody judged: see `spoke_on`."""
        return self.right / self.named_on_marked if self.named_on_marked else 0.0


def load() -> dict[int, dict[str, Any]]:
    """Every item by its number."""
    with (DATA / "issues.jsonl").open(encoding="utf-8") as lines:
        return {row["number"]: row for row in map(json.loads, lines)}


def marked(items: dict[int, dict[str, Any]], *, pulls: bool) -> dict[int, set[int]]:
    """Each item's earlier duplicates by the maintainers' own words, through common partners as well.

    Without those the item names itself ("takes over #12"): its author needs no telling, and the command does not tell.
    """
    leader: dict[int, int] = {}

    def lead(number: int) -> int:
        while leader.setdefault(number, number) != number:
            number = leader[number]
        return number

    for one, other in _pairs(items):
        if ("pull_request" in items[one]) == ("pull_request" in items[other]) == pulls:
            leader[lead(one)] = lead(other)
    groups = defaultdict(set)
    for number in list(leader):
        groups[lead(number)].add(number)
    earlier = {
        number: {other for other in groups[lead(number)] if other < number} - mentioned(items[number])
        for number in leader
    }
    return {number: others for number, others in earlier.items() if others}


def _pairs(items: dict[int, dict[str, Any]]) -> Iterator[tuple[int, int]]:
    with gzip.open(DATA / "comments.jsonl.gz", "rt", encoding="utf-8") as lines:
        for comment in map(json.loads, lines):
            number = int(comment["issue_url"].rpartition("/")[2])
            insider = comment["author_association"] in _INSIDERS
            if number not in items or items[number]["state"] != "closed" or not insider:
                continue
            said = "\n".join(
                line for line in (comment["body"] or "").splitlines() if not line.startswith(">")
            )
            for found in _MARKED.finditer(said):
                for other in map(int, filter(None, found.groups())):
                    if other != number and other in items:
                        yield number, other


def measure(*, pulls: bool) -> list[Measured]:
    """Run the script's own index over all issues (or pull requests), and count at each threshold."""
    items = load()
    truth = marked(items, pulls=pulls)
    index = Index(row for row in items.values() if ("pull_request" in row) == pulls)
    named = {
        number: index.alike(number)[:3] for number in items if ("pull_request" in items[number]) == pulls
    }
    rows = []
    for threshold in THRESHOLDS:
        said = [
            (number, like.number)
            for number, likes in named.items()
            for like in likes
            if like.score >= threshold
        ]
        right = [(number, other) for number, other in said if other in truth.get(number, ())]
        rows.append(
            Measured(
                threshold=threshold,
                spoke_on=len({number for number, _ in said}),
                named=len(said),
                marked_found=len({number for number, _ in right}),
                marked=len(truth),
                right=len(right),
                named_on_marked=sum(number in truth for number, _ in said),
            )
        )
    return rows


def main() -> None:
    """Print recall and precision for issues and for pull requests."""
    if not DATA.is_dir():
        print("duplicates: no shared data here")
        return
    for pulls in (False, True):
        started = time.perf_counter()
        rows = measure(pulls=pulls)
        print(f"{'pull requests' if pulls else 'issues'} ({time.perf_counter() - started:.1f} s)")
        for row in rows:
            print(
                f"  from {row.threshold:.2f}: recall {row.recall:5.0%} ({row.marked_found}/{row.marked})"
                f"  precision {row.precision:5.0%} ({row.right}/{row.named_on_marked})"
                f"  spoke on {row.spoke_on}, named {row.named}"
            )


if __name__ == "__main__":
    main()
