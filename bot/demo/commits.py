"""Commits as git tells them and as GitHub's API shows them."""

from dataclasses import dataclass
from typing import Any

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.gitstore import BareRepo
from bot.demo.ids import iso, node_id, parse_time
from bot.demo.shapes import simple_user

_FORMAT = "%x1e%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B"
NOREPLY = "@users.noreply.github.com"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, str]
    committer: tuple[str, str, str]
    message: str


def _read(text: str) -> Commit:
    sha, tree, parents, an, ae, at, cn, ce, ct, message = text.split("\x1f", 9)
    author = (an, ae, iso(parse_time(at)))
    return Commit(
        sha, tree, tuple(parents.split()), author, (cn, ce, iso(parse_time(ct))), message.rstrip("\n")
    )


def log(git: BareRepo, *arguments: str) -> list[Commit]:
    """`git log` with these arguments."""
    text = git.text("log", f"--format={_FORMAT}", *arguments)
    return [_read(x) for x in text.split("\x1e") if x.strip()]


def one_commit(git: BareRepo, sha: str) -> Commit:
    """A commit by its SHA."""
    return log(git, "-n", "1", sha, "--")[0]


def commits_between(git: BareRepo, base: str, head: str) -> list[Commit]:
    """Commits of `head` that `base` lacks, oldest first."""
    return log(git, "--reverse", "--topo-order", f"{base}..{head}", "--")


def _login(core: Core, email: str) -> str | None:
    """The account behind an e-mail address."""
    if email.endswith(NOREPLY):
        user = core.user(email.removesuffix(NOREPLY).rpartition("+")[2])
        return None if user is None else user.login
    return next((x.login for x in core.tables.users if x.email and x.email.lower() == email.lower()), None)


def _signature(who: tuple[str, str, str]) -> dict[str, str]:
    return {"name": who[0], "email": who[1], "date": who[2]}


VERIFICATION = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def shape_commit(core: Core, repo: r.Repo, commit: Commit) -> dict[str, Any]:
    """`commit`."""
    api, web = f"{core.api_url}/repos/{repo.full_name}", f"{core.url}/{repo.full_name}"
    return {
        "url": f"{api}/commits/{commit.sha}",
        "sha": commit.sha,
        "node_id": node_id("commit", commit.sha),
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{api}/commits/{commit.sha}/comments",
        "commit": {
            "url": f"{api}/git/commits/{commit.sha}",
            "author": _signature(commit.author),
            "committer": _signature(commit.committer),
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "verification": VERIFICATION,
        },
        "author": simple_user(core, _login(core, commit.author[1])),
        "committer": simple_user(core, _login(core, commit.committer[1])),
        "parents": [
            {"sha": x, "url": f"{api}/commits/{x}", "html_url": f"{web}/commit/{x}"} for x in commit.parents
        ],
    }


def shape_git_commit(core: Core, repo: r.Repo, commit: Commit) -> dict[str, Any]:
    """`git-commit`."""
    api, web = f"{core.api_url}/repos/{repo.full_name}", f"{core.url}/{repo.full_name}"
    return {
        "sha": commit.sha,
        "node_id": node_id("commit", commit.sha),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "author": _signature(commit.author),
        "committer": _signature(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "parents": [
            {"sha": x, "url": f"{api}/git/commits/{x}", "html_url": f"{web}/commit/{x}"}
            for x in commit.parents
        ],
        "verification": VERIFICATION,
    }
