"""Which pull request closes which issue."""

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.mentions import closes


def closed_numbers(core: Core, row: r.Issue) -> list[int]:
    """The issues a pull request closes: by keywords in its body, or linked by hand."""
    pull = core.tables.pulls.get(row.id)
    if pull is None:
        return []
    return sorted({*closes(row.body, core.repo_of(row).full_name), *pull.closes})


def closed_issues(core: Core, row: r.Issue) -> list[r.Issue]:
    """The same as records."""
    found = (core.tables.issues.one("number", (row.repo_id, n)) for n in closed_numbers(core, row))
    return [x for x in found if x is not None and not x.is_pull]


def closing_pulls(core: Core, row: r.Issue) -> list[r.Issue]:
    """The pull requests that close an issue."""
    marker = f"#{row.number}"
    rows = core.tables.issues.under("repo", row.repo_id)
    return [
        x
        for x in rows
        if x.is_pull
        and (marker in (x.body or "") or core.tables.pulls.rows[x.id].closes)
        and row.number in closed_numbers(core, x)
    ]
