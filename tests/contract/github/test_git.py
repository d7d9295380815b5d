"""Real git against the embedded GitHub: clone, fetch, partial clone, pull refs, push, and who may not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo import GitHub, Installation
from bot.demo.gitstore import environment


class GitRefused(Exception):  # noqa: N818
    """git ended with an error."""


async def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git as a client would."""
    child = await asyncio.create_subprocess_exec(
        "git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments,
        cwd=cwd, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), 120)
    if child.returncode != 0:
        raise GitRefused(err.decode())
    return out.decode().strip()


@pytest.fixture
async def served(github: GitHub, installation: Installation) -> AsyncIterator[str]:
    """The GitHub over real HTTP; gives the address of the shop with an installation token."""
    async with github.serving(deliver=False) as url:
        token = github.installation_token(installation)
        yield url.replace("http://", f"http://x-access-token:{token}@") + "/acme/shop.git"


async def test_clone_and_fetch_a_pull(github: GitHub, served: str, tmp_path: Path) -> None:
    """A clone has the files; `refs/pull/N/head` is the pull request's head, also one from a fork."""
    shop = github.repository("acme/shop")
    pull = shop.pull("Fix", "fix", {"a.py": "1\n"}, head_repo="stranger/shop")
    await git("clone", "-q", served, str(tmp_path / "c"))
    await git("fetch", "-q", "origin", f"refs/pull/{pull.number}/head", cwd=tmp_path / "c")
    assert (tmp_path / "c" / "README.md").read_text() == "# Shop\n"
    assert await git("rev-parse", "FETCH_HEAD", cwd=tmp_path / "c") == pull.pull.head_sha
    assert "refs/heads/fork" not in await git("ls-remote", served)


async def test_partial_clone(github: GitHub, served: str, tmp_path: Path) -> None:
    """A clone without blobs fetches them when they are looked at."""
    await git("clone", "-q", "--filter=blob:none", "--no-checkout", served, str(tmp_path / "c"))
    assert await git("show", "HEAD:README.md", cwd=tmp_path / "c") == "# Shop"


async def test_push_moves_the_pull_and_is_told(github: GitHub, served: str, tmp_path: Path) -> None:
    """A push to a pull request's branch moves its head and sends `push` and `synchronize`."""
    pull = github.repository("acme/shop").pull("Fix", "fix", {"a.py": "1\n"})
    await git("clone", "-q", "-b", "fix", served, str(tmp_path / "c"))
    (tmp_path / "c" / "a.py").write_text("2\n")
    await git("commit", "-qam", "Two", cwd=tmp_path / "c")
    await git("push", "-q", "origin", "fix", cwd=tmp_path / "c")
    assert pull.pull.head_sha == await git("rev-parse", "HEAD", cwd=tmp_path / "c")
    assert {(x.event, x.action) for x in github.deliveries} >= {
        ("push", None),
        ("pull_request", "synchronize"),
    }
    assert [x.method for x in github.writes] == ["PUSH"]


async def test_who_may_not(github: GitHub, installation: Installation, tmp_path: Path) -> None:
    """A private repository asks for a password; a read-only token cannot push; a wrong one cannot read."""
    github.add_repo("acme/vault", files={"s": "s\n"}, private=True)
    async with github.serving(deliver=False) as url:
        with pytest.raises(GitRefused, match=r"could not read Username|Authentication failed"):
            await git("ls-remote", f"{url}/acme/vault.git")
        with pytest.raises(GitRefused, match="Authentication failed"):
            await git("ls-remote", url.replace("://", "://x-access-token:wrong@") + "/acme/vault.git")
        token = github.installation_token(installation, permissions={"contents": "read"})
        address = url.replace("://", f"://x-access-token:{token}@") + "/acme/shop.git"
        await git("clone", "-q", address, str(tmp_path / "c"))
        await git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "c")
        with pytest.raises(GitRefused, match="403"):
            await git("push", "-q", "origin", "main", cwd=tmp_path / "c")
        scoped = github.installation_token(installation, repositories=["shop"])
        with pytest.raises(GitRefused, match="not found"):
            await git("ls-remote", url.replace("://", f"://x-access-token:{scoped}@") + "/acme/vault.git")
