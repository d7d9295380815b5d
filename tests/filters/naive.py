"""Queries made at random together with what they mean, said a second time in the plainest way: an oracle.

It shares no code with the package. A meaning is a function from an item to True, False or None (not known).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

Item = dict[str, Any]
Meaning = Callable[[Item], bool | None]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Said(NamedTuple):
    """A query and its meaning."""

    text: str
    means: Meaning


def negate(said: Said) -> Said:
    """`-q`."""
    text = said.text if re.fullmatch(r'[\w.]+:\S+|"[^"]*"|[\w]+', said.text) else f"({said.text})"

    def means(item: Item) -> bool | None:
        answer = said.means(item)
        return None if answer is None else not answer

    return Said(f"-{text}", means)


def both(parts: list[Said]) -> Said:
    """`p q`."""

    def means(item: Item) -> bool | None:
        answers = [part.means(item) for part in parts]
        return False if False in answers else None if None in answers else True

    return Said(" ".join(f"({part.text})" if " OR " in part.text else part.text for part in parts), means)


def either(parts: list[Said]) -> Said:
    """`p OR q`."""

    def means(item: Item) -> bool | None:
        answers = [part.means(item) for part in parts]
        return True if True in answers else None if None in answers else False

    return Said(" OR ".join(f"({part.text})" if " " in part.text else part.text for part in parts), means)


def quoted(value: str) -> str:
    """A value as it must be written."""
    return f'"{value}"' if re.search(r'[\s,()"]', value) else value


def is_pr(item: Item) -> bool:
    """Whether it is a pull request."""
    return "pull_request" in item


def moment(text: str) -> datetime:
    """A timestamp of the API."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def kinds() -> st.SearchStrategy[Said]:
    """Kind and state."""
    return st.sampled_from(
        [
            Said("is:open", lambda item: item["state"] == "open"),
            Said("state:closed", lambda item: item["state"] == "closed"),
            Said("is:issue", lambda item: not is_pr(item)),
            Said("type:pr", is_pr),
            Said("is:merged", lambda item: is_pr(item) and item["pull_request"]["merged_at"] is not None),
            Said("is:unmerged", lambda item: is_pr(item) and item["pull_request"]["merged_at"] is None),
            Said("draft:false", lambda item: is_pr(item) and item["draft"] is False),
            Said("is:locked", lambda item: item["locked"]),
            Said("reason:completed", lambda item: not is_pr(item) and item["state_reason"] == "completed"),
            Said("no:assignee", lambda item: item["assignees"] == []),
            Said("has:milestone", lambda item: item["milestone"] is not None),
            Said("no:label", lambda item: item["labels"] == []),
            Said("label:*", lambda item: item["labels"] != []),
        ]
    )


def of_labels(names: list[str]) -> st.SearchStrategy[Said]:
    """One or several labels, in any case."""

    def said(chosen: list[str]) -> Said:
        wanted = {name.lower() for name in chosen}
        return Said(
            "label:" + ",".join(quoted(name) for name in chosen),
            lambda item: any(label["name"].lower() in wanted for label in item["labels"]),
        )

    return st.lists(
        st.sampled_from(names).map(lambda name: name.upper()) | st.sampled_from(names), min_size=1, max_size=3
    ).map(said)


def of_people(logins: list[str]) -> st.SearchStrategy[Said]:
    """Author, assignee, and those whose facts are not in the list."""

    def same(user: Any, login: str) -> bool:
        return user is not None and user["login"].lower() == login.lower()

    def said(choice: tuple[str, str]) -> Said:
        name, login = choice
        meanings: dict[str, Meaning] = {
            "author": lambda item: same(item["user"], login),
            "assignee": lambda item: any(same(user, login) for user in item["assignees"]),
            "commenter": lambda item: None,
            "user-review-requested": lambda item: (
                is_pr(item) and any(same(user, login) for user in item["requested_reviewers"])
            ),
            "reviewed-by": lambda item: None if is_pr(item) else False,
        }
        return Said(f"{name}:{login}", meanings[name])

    names = ["author", "assignee", "commenter", "user-review-requested", "reviewed-by"]
    return st.tuples(st.sampled_from(names), st.sampled_from(logins)).map(said)


def dates() -> st.SearchStrategy[Said]:
    """Dates, times, ages and ranges on each of the four dates."""

    def value(item: Item, name: str) -> datetime | None:
        if name == "merged":
            text = item["pull_request"]["merged_at"] if is_pr(item) else None
        else:
            text = item[f"{name}_at"]
        return moment(text) if text else None

    def said(choice: tuple[str, str, datetime, int]) -> Said:
        name, form, day, days = choice
        begin = day.replace(hour=0, minute=0, second=0)
        text = f"{day:%Y-%m-%d}"
        next_day = begin + timedelta(days=1)
        forms: dict[str, tuple[str, Callable[[datetime], bool]]] = {
            "on": (text, lambda at: begin <= at < next_day),
            ">": (f">{text}", lambda at: at >= next_day),
            ">=": (f">={text}", lambda at: at >= begin),
            "<": (f"<{text}", lambda at: at < begin),
            "<=": (f"<={text}", lambda at: at < next_day),
            "..": (
                f"{text}..{begin + timedelta(days=days):%Y-%m-%d}",
                lambda at: begin <= at < next_day + timedelta(days=days),
            ),
            "*..": (f"*..{text}", lambda at: at < next_day),
            "time": (f">{day:%Y-%m-%dT%H:%M:%SZ}", lambda at: at > day),
            "zone": (f"<={day + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00", lambda at: at <= day),
            "younger": (f"<{days}d", lambda at: at > NOW - timedelta(days=days)),
            "older": (f">={days}d", lambda at: at <= NOW - timedelta(days=days)),
            "today": (f">=@today-{days}d", lambda at: at >= NOW.replace(hour=0) - timedelta(days=days)),
        }
        written, holds = forms[form]

        def means(item: Item) -> bool:
            at = value(item, name)
            return at is not None and holds(at)

        return Said(f"{name}:{written}", means)

    days = st.integers(1_388_534_400, 1_793_491_200).map(lambda at: datetime.fromtimestamp(at, UTC))
    forms = st.sampled_from(
        ["on", ">", ">=", "<", "<=", "..", "*..", "time", "zone", "younger", "older", "today"]
    )
    names = st.sampled_from(["created", "updated", "closed", "merged"])
    return st.tuples(names, forms, days, st.integers(0, 4000)).map(said)


def counts() -> st.SearchStrategy[Said]:
    """The number of comments, and of reactions, which nothing tells here."""

    def said(choice: tuple[str, int, int]) -> Said:
        form, low, more = choice
        forms: dict[str, tuple[str, Callable[[int], bool]]] = {
            "": (f"{low}", lambda n: n == low),
            ">": (f">{low}", lambda n: n > low),
            "<=": (f"<={low}", lambda n: n <= low),
            "..": (f"{low}..{low + more}", lambda n: low <= n <= low + more),
            "..*": (f"{low}..*", lambda n: n >= low),
        }
        written, holds = forms[form]
        return Said(f"comments:{written}", lambda item: holds(item["comments"]))

    return st.tuples(
        st.sampled_from(["", ">", "<=", "..", "..*"]), st.integers(0, 20), st.integers(0, 20)
    ).map(said)


def words(vocabulary: list[str]) -> st.SearchStrategy[Said]:
    """A word in title and body."""

    def said(word: str) -> Said:
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        return Said(
            f"(in:title,body {word})",
            lambda item: any(whole.search(item[key] or "") is not None for key in ("title", "body")),
        )

    return st.sampled_from(vocabulary).map(said)


def branches(refs: list[str]) -> st.SearchStrategy[Said]:
    """Head and base branches."""
    bases = st.sampled_from(["master", "main"]).map(
        lambda ref: Said(f"base:{ref}", lambda item: is_pr(item) and item["base"]["ref"].lower() == ref)
    )
    heads = st.sampled_from(refs).map(
        lambda ref: Said(
            f"head:{ref}", lambda item: is_pr(item) and item["head"]["ref"].lower().startswith(ref.lower())
        )
    )
    return bases | heads


def said(items: tuple[Item, ...], known_only: bool = False) -> st.SearchStrategy[Said]:
    """Any query, over values the items really have."""
    labels = sorted({label["name"] for item in items for label in item["labels"]}) or ["bug"]
    logins = sorted({item["user"]["login"] for item in items if item["user"]})
    refs = sorted(
        {
            item["head"]["ref"][:5]
            for item in items
            if is_pr(item) and re.fullmatch(r"[\w/.-]+", item["head"]["ref"])
        }
    ) or ["fix"]
    terms = [
        kinds(),
        of_labels(labels),
        dates(),
        counts(),
        words(["the", "test", "build", "field", "benchmark"]),
        branches(refs),
    ]
    terms.append(
        of_people(logins).filter(
            lambda one: (
                not known_only
                or one.means({"pull_request": {}, "user": None, "assignees": [], "requested_reviewers": []})
                is not None
            )
        )
    )
    return st.recursive(
        st.one_of(terms),
        lambda inner: (
            inner.map(negate)
            | st.lists(inner, min_size=2, max_size=3).map(both)
            | st.lists(inner, min_size=2, max_size=3).map(either)
        ),
        max_leaves=6,
    )
