#!/usr/bin/env python3
"""Finds earlier issues that say what this one says: BM25 over the repository's issues, no model, no key.

Stand-alone: Python's standard library only. Reads one JSON object from the file named in ROUNDSMAN_INPUT (or standard
input): `{"item": REST issue, "repository": REST repository, "issues": REST issues or a path to them, "inputs": {…}}`;
writes the outcome to the file named in ROUNDSMAN_OUTCOME (or standard output).

How alike two issues are is the mean of two figures between 0 and 1:
* *wording*: the geometric mean of both BM25 scores, each issue's rarest words searched in the other, each divided by
  the score of the issue found by its own words. Dividing makes long and short issues comparable; asking in both
  directions keeps a long issue that mentions everything from being like everything.
* *titles*: how much of each title's rare words the other issue mentions anywhere.
"""

import json
import math
import os
import re
import sqlite3
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TITLE_WEIGHT = 4.0
KEY_TERMS = 16
SATURATION = 1.2
CANDIDATES = 30
SMALLEST = 20
"""In a repository smaller than this a word's rarity is reckoned as if it had so many issues: two of three saying the same
does not make the words common."""
TEXT_CAP = 20_000
TOKENS = "porter unicode61 remove_diacritics 2 tokenchars '_'"
COMMON = frozenset(
    re.findall(
        r"\w+",
        "a about after again all also always am an and any are as at back be because been before but by can cannot come could "
        "did do does done each else even every for from get go got had has have he her here hi him his how i if in into is it "
        "its just like made make may me more most much my need no nor not nothing now of off on one only or other our out over "
        "own please same say says see she should so some still such take than thank that the their them then there these they "
        "thing this those though to too two under until up us use used very want was way we were what when where which while "
        "who why will with without work works would yes yet you your",
    )
)
"""Words that tell nothing, also in a repository too small for their rarity to show it."""

_NOISE = re.compile(r"<!--.*?-->|https?://\S+|^>.*$|^#{1,6} .*$|^\s*- \[[ x]\] ", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Likeness:
    """How alike an earlier issue is, and the rare words both use, rarest first."""

    number: int
    score: float
    shared: tuple[str, ...]


class Index:
    """The issues of one repository, searchable; `rows` are REST issues of one kind."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = {int(row["number"]): row for row in rows}
        self._db = sqlite3.connect(":memory:")
        for table in ("issue", "one", "word"):
            self._db.execute(f'CREATE VIRTUAL TABLE {table} USING fts5(title, body, tokenize="{TOKENS}")')
            self._db.execute(f"CREATE VIRTUAL TABLE {table}_terms USING fts5vocab({table}, 'row')")
            self._db.execute(f"CREATE VIRTUAL TABLE {table}_columns USING fts5vocab({table}, 'col')")
            self._db.execute(f"CREATE VIRTUAL TABLE {table}_places USING fts5vocab({table}, 'instance')")
        self._db.executemany("INSERT INTO issue(rowid, title, body) VALUES (?, ?, ?)", (
            (number, row.get("title") or "", plain(row.get("body"))) for number, row in self._rows.items()
        ))  # fmt: skip
        self._common = {stem for stem, _ in self._stems(COMMON)}
        self.idf = cache(self._idf)
        self.terms = cache(self._terms)
        self.key_terms = cache(self._key_terms)
        self.scores = cache(self._scores)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self._rows[number]

    def __len__(self) -> int:
        return len(self._rows)

    def alike(self, number: int, *, earlier: bool = True) -> list[Likeness]:
        """The issues most like `number`, most alike first; only earlier ones unless told otherwise."""
        named = mentioned(self._rows[number])
        found = [
            Likeness(other, self._likeness(number, other), self._shared(number, other))
            for other in self.scores(number)
            if other != number and other not in named and not (earlier and other > number)
        ]
        return sorted((like for like in found if len(like.shared) >= 2), key=lambda like: -like.score)

    def spelled(self, number: int, stems: Iterable[str]) -> list[str]:
        """The words the issue `number` itself has for these stems."""
        row = self._rows[number]
        words = dict.fromkeys(_WORD.findall(f"{row.get('title')} {plain(row.get('body'))}".lower()))
        spelled: dict[str, str] = {}
        for stem, word in self._stems(words):
            spelled.setdefault(stem, word)
        return [spelled.get(stem, stem) for stem in stems]

    def _stems(self, words: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Each word with the stem the index has for it."""
        listed = list(words)
        self._db.execute("DELETE FROM word")
        self._db.executemany("INSERT INTO word(rowid, title, body) VALUES (?, ?, '')", enumerate(listed))
        for stem, place in self._db.execute("SELECT term, doc FROM word_places ORDER BY doc"):
            yield stem, listed[place]

    def _likeness(self, one: int, other: int) -> float:
        wording = math.sqrt(self._ratio(one, other) * self._ratio(other, one))
        titles = math.sqrt(self._covered(one, other) * self._covered(other, one))
        return (wording + titles) / 2

    def _ratio(self, one: int, other: int) -> float:
        scores = self.scores(one)
        return scores.get(other, 0.0) / scores[one] if scores.get(one) else 0.0

    def _covered(self, one: int, other: int) -> float:
        title = {term: self.idf(term) for term, (in_title, _) in self.terms(one).items() if in_title}
        whole = sum(title.values())
        return (
            sum(weight for term, weight in title.items() if term in self.terms(other)) / whole
            if whole
            else 0.0
        )

    def _shared(self, one: int, other: int) -> tuple[str, ...]:
        both = [term for term in self.key_terms(one) if term in self.terms(other)]
        return tuple(sorted(both, key=self.idf, reverse=True))

    def _idf(self, term: str) -> float:
        row = self._db.execute("SELECT doc FROM issue_terms WHERE term = ?", (term,)).fetchone()
        having = row[0] if row else 0
        return max(0.0, math.log((max(len(self), SMALLEST) - having + 0.5) / (having + 0.5)))

    def _terms(self, number: int) -> dict[str, tuple[int, int]]:
        """Each stem of an issue with its count in the title and in the body."""
        self._db.execute("DELETE FROM one")
        self._db.execute(
            "INSERT INTO one(title, body) SELECT title, body FROM issue WHERE rowid = ?", (number,)
        )
        counts: dict[str, tuple[int, int]] = {}
        for term, column, count in self._db.execute("SELECT term, col, cnt FROM one_columns"):
            in_title, in_body = counts.get(term, (0, 0))
            counts[term] = (in_title + count, in_body) if column == "title" else (in_title, in_body + count)
        return counts

    def _key_terms(self, number: int) -> tuple[str, ...]:
        """The words that tell most about an issue and that another issue uses as well."""
        weights = {}
        for term, (in_title, in_body) in self.terms(number).items():
            often = TITLE_WEIGHT * in_title + in_body
            if (
                len(term) > 1
                and term not in self._common
                and (rarity := self.idf(term)) > 0
                and not self._alone(term)
            ):
                weights[term] = rarity * often / (often + SATURATION)
        return tuple(sorted(weights, key=lambda term: (-weights[term], term))[:KEY_TERMS])

    def _alone(self, term: str) -> bool:
        row = self._db.execute("SELECT doc FROM issue_terms WHERE term = ?", (term,)).fetchone()
        return bool(row and row[0] < 2)

    def _scores(self, number: int) -> dict[int, float]:
        if not (terms := self.key_terms(number)):
            return {}
        query = " OR ".join(f'"{term}"' for term in terms)
        found = self._db.execute(
            "SELECT rowid, -bm25(issue, ?, 1.0) FROM issue WHERE issue MATCH ? ORDER BY 2 DESC LIMIT ?",
            (TITLE_WEIGHT, query, CANDIDATES),
        )
        return dict(found.fetchall())


def plain(text: str | None) -> str:
    """The words of a body: without comments, addresses, quotes and the headings of issue forms."""
    return _NOISE.sub(" ", text or "")[:TEXT_CAP]


def mentioned(row: dict[str, Any]) -> set[int]:
    """Numbers an issue names itself: whoever wrote it knows them already."""
    text = f"{row.get('title') or ''} {_COMMENT.sub(' ', row.get('body') or '')}"
    return {int(number) for number in re.findall(r"(?:#|/(?:issues|pull)/)(\d{1,9})\b", text)}


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    """What to say about the item: a comment naming likely duplicates, or nothing."""
    item, inputs = request["item"], request.get("inputs") or {}
    kind = "pull_request" in item
    rows = {row["number"]: row for row in _issues(request["issues"]) if ("pull_request" in row) == kind}
    index = Index({**rows, item["number"]: item}.values())
    threshold, most = float(inputs.get("threshold", 0.5)), int(inputs.get("most", 3))
    found = index.alike(item["number"], earlier=bool(inputs.get("earlier_only", True)))
    likely = [like for like in found if like.score >= threshold][:most]
    if not likely:
        closest = f"; the closest, #{found[0].number}, scored {found[0].score:.2f}" if found else ""
        summary = f"Nothing among {len(index) - 1:,} others is alike enough (from {threshold:.2f}){closest}."
        return {"version": 1, "status": "nothing", "summary": summary, "actions": []}
    actions: list[dict[str, Any]] = [{"kind": "comment", "body": _comment(index, item, likely)}]
    if label := str(inputs.get("label") or ""):
        actions.append({"kind": "labels.add", "labels": [label]})
    summary = "Like " + ", ".join(f"#{like.number} ({like.score:.2f})" for like in likely)
    return {"version": 1, "status": "done", "summary": summary, "actions": actions}


def _comment(index: Index, item: dict[str, Any], likely: list[Likeness]) -> str:
    what = "pull request" if "pull_request" in item else "issue"
    sure = likely[0].score >= 0.6
    headline = (
        f"This {what} looks like one that is here already" if sure else f"This {what} may be here already"
    )
    lines = [f"**{headline}.**", ""]
    for like in likely:
        row = index[like.number]
        words = ", ".join(f"`{word}`" for word in index.spelled(item["number"], like.shared[:6]))
        state = _state(row)
        lines.append(
            f"- [#{like.number} {_title(row)}]({row.get('html_url') or ''}) ({state}). Both say {words}."
        )
    lines += [
        "",
        "If yours is another matter, a sentence on what differs helps whoever triages it. Nothing was closed.",
    ]
    return "\n".join(lines)


def _state(row: dict[str, Any]) -> str:
    state = row.get("state") or "open"
    since = str(row.get("closed_at") if state == "closed" else row.get("created_at") or "")[:10]
    return f"{state} since {since}" if since else str(state)


def _title(row: dict[str, Any]) -> str:
    """A stranger's title as plain text inside a link."""
    shown = "".join(c for c in str(row.get("title") or "") if unicodedata.category(c)[0] != "C")[:100]
    return re.sub(r"([\\`*_\[\]()<>|~#@!])", r"\\\1", " ".join(shown.split()))


def _issues(given: Any) -> Iterator[dict[str, Any]]:
    """REST issues as a list, or a path to a JSON array or to JSON Lines."""
    if isinstance(given, str):
        text = Path(given).read_text("utf-8")
        given = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else map(json.loads, filter(str.strip, text.splitlines()))
        )
    yield from given


def main() -> None:
    """Read the request, write the outcome."""
    source, target = os.environ.get("ROUNDSMAN_INPUT"), os.environ.get("ROUNDSMAN_OUTCOME")  # noqa: TID251
    request = json.loads(Path(source).read_text("utf-8") if source else sys.stdin.read())
    answer = json.dumps(outcome(request), ensure_ascii=False)
    if target:
        Path(target).write_text(answer, "utf-8")
    else:
        print(answer)


if __name__ == "__main__":
    main()
