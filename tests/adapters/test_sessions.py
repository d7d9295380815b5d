"""Sessions in a real sandbox, with scripts as the cheap agent."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agents.process import mark_of, marked
from bot.model.agent import Limits
from tests.adapters.sessions import Desk, Repository, desk, needs_bwrap

pytestmark = needs_bwrap
DONE = '{"version": 1, "status": "done", "summary": "fine", "actions": [{"kind": "comment", "body": "hi"}]}'
LEAVE = f"printf '%s' '{DONE}' > $ROUNDSMAN_OUTCOME"


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something outside this process, at most a minute."""
    for _ in range(3000):
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to be")


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    """A repository with two files."""
    return Repository.made(
        tmp_path / "shop", {"cart.py": "total = 1\n", "docs/a.md": "a\n", ".gitignore": "*.log\n"}
    )


@pytest.fixture(params=["overlay", "copy", "unconfined"])
async def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """A desk for each way of making workspaces."""
    made = desk(tmp_path, confine=request.param != "unconfined")
    if request.param != "unconfined":
        probed = await made.agents.probe()
        assert probed.confined, probed.words
        if request.param == "overlay" and not probed.overlay:
            pytest.skip("this host has no overlay in user namespaces")
        made.agents.workspaces.overlay = request.param == "overlay"
    return made


async def test_a_session_ends_with_outcome_and_patch(desks: Desk, shop: Repository) -> None:
    """The outcome is read and the change is recomputed, whatever the workspace is made of."""
    end = await desks.script(
        f"echo 'total = 2' > cart.py; rm docs/a.md; mkdir new; echo n > new/n.txt; chmod +x new/n.txt; echo l > x.log\n{LEAVE}",
        checkout=shop.checkout(),
    )
    assert end.failure is None
    assert end.ending == "succeeded"
    assert end.outcome is not None
    assert [a.kind for a in end.outcome.actions] == ["comment"]
    assert end.patch is not None
    assert {(f.path, f.status, f.mode) for f in end.patch.files} == {
        ("cart.py", "modified", "100644"),
        ("docs/a.md", "deleted", "100644"),
        ("new/n.txt", "added", "100755"),
    }
    assert "-total = 1\n+total = 2" in end.patch.diff
    assert desks.kinds()[-1] == "ended"
    assert not list((desks.agents.options.data_dir / "work" / "sessions").iterdir())


async def test_the_agents_own_git_works(desks: Desk, shop: Repository) -> None:
    """History, status and commits work inside, and a commit of the agent is still only a change to us."""
    end = await desks.script(
        "git log --oneline | wc -l; git status --porcelain | wc -l; echo 3 > cart.py; git commit -qam x && git diff HEAD~1 --stat",
        checkout=shop.checkout(),
    )
    assert end.failure is None, end.failure
    assert desks.said().split("\n")[:2] == ["1", "0"]
    assert "cart.py" in desks.said()
    assert end.patch is not None
    assert [f.path for f in end.patch.files] == ["cart.py"]


async def test_nothing_changed_is_no_patch(desks: Desk, shop: Repository) -> None:
    """A session that only looks leaves no patch, and one that delivers nothing is quiet."""
    end = await desks.script("cat cart.py; touch cart.py", checkout=shop.checkout())
    assert end.ending == "quiet"
    assert end.patch is None


async def test_later_commits_start_from_the_shared_tree(desks: Desk, shop: Repository) -> None:
    """A second commit is brought by its difference, and what it removed is not there."""
    await desks.script("true", checkout=shop.checkout())
    shop.commit({"cart.py": "total = 5\n", "docs": "now a file\n", "lib/x/y.py": "y\n"}, remove=("docs",))
    end = await desks.script(
        "cat cart.py docs; ls; git status --porcelain; rm lib/x/y.py docs", checkout=shop.checkout()
    )
    assert "total = 5\nnow a file" in desks.said()
    assert end.patch is not None
    assert {(f.path, f.status) for f in end.patch.files} == {("lib/x/y.py", "deleted"), ("docs", "deleted")}


async def test_one_fetch_serves_a_run(desks: Desk, shop: Repository) -> None:
    """However many items a run has, the repository is fetched once."""
    first = shop.head
    second = shop.commit({"b": "b\n"})
    for n, commit in enumerate((first, second, first)):
        end = await desks.script(
            "true", session=f"s{n}", checkout=shop.checkout(commit=commit, run="r1", wanted=(first, second))
        )
        assert end.failure is None
    ref = shop.checkout(commit=None, ref="refs/heads/main", run="r1")
    await desks.script("true", checkout=ref)
    assert desks.agents.mirrors.fetches == 2
    await desks.script("true", checkout=ref)
    assert desks.agents.mirrors.fetches == 2


async def test_a_partial_clone_serves_too(desks: Desk, shop: Repository) -> None:
    """A repository too large to mirror whole is fetched without its old contents."""
    checkout = shop.checkout(clone_url=f"file://{shop.path}", partial=True)
    end = await desks.script("cat cart.py", checkout=checkout)
    assert end.failure is None, end.failure
    assert desks.said() == "total = 1"


async def test_a_commit_that_is_gone_is_said(desks: Desk, shop: Repository) -> None:
    """A checkout that cannot be had is a failure of the workspace, in words."""
    end = await desks.script("true", checkout=shop.checkout(commit="0" * 40))
    assert end.failure is not None
    assert end.failure.kind == "workspace"
    end = await desks.script("true", checkout=shop.checkout(commit=None, ref="refs/heads/nope"))
    assert end.failure is not None
    assert "nope" in end.failure.words


async def test_environment_is_built_from_nothing(desks: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours reaches the agent."""
    monkeypatch.setenv("ROUNDSMAN_GITHUB_TOKEN", "ghs_secret")
    await desks.script("env; cat /proc/$PPID/environ | tr '\\0' '\\n' || true")
    assert "ROUNDSMAN_OUTCOME" in desks.said()
    if desks.agents.options.confine:
        assert "ghs_secret" not in desks.said()
    assert "ghs_secret" not in "".join(desks.said().split("PATH=")[0])


async def test_payload_and_interpreters(desks: Desk) -> None:
    """A script gets its payload on standard input and may be Python; its printed outcome counts."""
    source = "import json, sys\nitem = json.load(sys.stdin)\nprint(json.dumps({'version': 1, 'status': 'done', 'summary': item['title']}))\n"
    end = await desks.script(source, name="library/dupes.py", payload=json.dumps({"title": "Crash"}))
    assert end.outcome is not None
    assert end.outcome.summary == "Crash"
    assert end.ending == "succeeded"


@pytest.mark.parametrize(
    ("source", "kind", "ending"),
    [
        ("exit 3", "crash", "failed"),
        ("sleep 60", "timeout", "timeout"),
        ('echo \'{"version": 1, "version": 1}\' > $ROUNDSMAN_OUTCOME', "bad_outcome", "failed"),
        ("mkfifo $ROUNDSMAN_OUTCOME", "bad_outcome", "failed"),
        ("ln -s /etc/passwd $ROUNDSMAN_OUTCOME", "bad_outcome", "failed"),
        ("mkdir $ROUNDSMAN_OUTCOME", "bad_outcome", "failed"),
        ("ln -s /nowhere $ROUNDSMAN_OUTCOME", "bad_outcome", "failed"),
        ("head -c 3000000 /dev/zero > $ROUNDSMAN_OUTCOME", "bad_outcome", "failed"),
        ("head -c 1000000000 /dev/zero", "output_too_large", "failed"),
        ("head -c 1000000000 /dev/urandom >&2", "output_too_large", "failed"),
        ("yes", "output_too_large", "failed"),
        ("head -c 100000 /dev/urandom; true", None, "quiet"),
        ("true", None, "quiet"),
        ('echo \'{"version":1,"status":"nothing","summary":"none"}\' > $ROUNDSMAN_OUTCOME', None, "quiet"),
        ('echo \'{"version":1,"status":"failed","summary":"no"}\' > $ROUNDSMAN_OUTCOME', "refusal", "failed"),
    ],
)
async def test_every_bad_end_has_its_own_words(
    source: str, kind: str | None, ending: str, tmp_path: Path
) -> None:
    """Hostile and broken agents end with a status and a kind of their own, quickly."""
    limits = Limits(wall_s=1.5, idle_s=1.5, output_bytes=2_000_000)
    end = await desk(tmp_path).script(source, limits=limits)
    assert (end.ending, end.failure.kind if end.failure else None) == (ending, kind)


async def test_silence_is_an_end(tmp_path: Path) -> None:
    """An agent nobody hears of is ended before its wall time."""
    end = await desk(tmp_path).script("echo hi; sleep 60", limits=Limits(wall_s=60, idle_s=0.5))
    assert end.failure is not None
    assert end.failure.kind == "idle"
    assert end.duration_s < 5


async def test_a_line_of_megabytes_is_read(tmp_path: Path) -> None:
    """Lines have no length that breaks us."""
    desk_ = desk(tmp_path)
    end = await desk_.script("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo after")
    assert end.failure is None
    assert desk_.said().endswith("after")


async def test_a_python_interpreter_that_nobody_runs_is_refused(tmp_path: Path) -> None:
    """A script for something else is a configuration fault."""
    end = await desk(tmp_path).script("#!/usr/bin/env ruby\nputs 1", name="x.rb")
    assert end.failure is not None
    assert end.failure.kind == "configuration"


def left_of(made: Desk, session: str) -> list[int]:
    """The processes of a session that still live."""
    return marked(mark_of(made.agents.options.data_dir / "work" / "sessions" / session))


DETACH = "setsid sh -c 'setsid sleep 600 & sleep 600' >/dev/null 2>&1 & (nohup sleep 600 &) ; sleep 600"


async def test_cancel_leaves_nothing_within_five_seconds(desks: Desk, shop: Repository) -> None:
    """Cancelling ends the agent and all it started, detached or not, and removes its workspace."""
    working = asyncio.create_task(desks.script(DETACH, checkout=shop.checkout()))
    await until(lambda: len(left_of(desks, "s1")) >= 3)
    began = time.monotonic()
    desks.cancelled.set()
    end = await working
    assert end.ending == "cancelled"
    assert time.monotonic() - began < 5
    assert left_of(desks, "s1") == []
    assert not list((desks.agents.options.data_dir / "work" / "sessions").iterdir())


async def test_an_agent_that_ends_leaves_no_detached_child(desks: Desk) -> None:
    """A tool that detached itself ends with its session."""
    end = await desks.script("setsid sleep 600 >/dev/null 2>&1 & echo started")
    assert end.failure is None
    assert left_of(desks, "s1") == []


async def test_a_detached_child_holding_the_pipe_does_not_hold_us(desks: Desk) -> None:
    """The session ends when its program does, though a child keeps standard output open."""
    end = await desks.script("setsid sleep 600 & echo started")
    assert end.duration_s < 5
    assert left_of(desks, "s1") == []


def sleeping(seconds: str) -> list[int]:
    """Every process of the machine that sleeps for so many seconds, whoever started it and whatever it hides."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:1] == [b"sleep"] and seconds.encode() in words:
            found.append(int(entry.name))
    return found


HIDE = """
for n in 1 2 3; do (setsid sh -c 'env -i setsid sleep LONG & exec sleep LONG' >/dev/null 2>&1 &) ; done
python3 -c 'import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvpe("sleep", ["sleep", "LONG"], {})' &
exec sleep LONG
"""


async def test_a_hundred_cancelled_sessions_leave_nothing(tmp_path: Path, shop: Repository) -> None:
    """No process, no workspace, no lease stays behind, though each forked, detached itself and shed its environment.

    Some are cancelled before they began, some while they start, some in the middle of their work.
    """
    busy = desk(tmp_path)
    long = f"60{os.getpid()}"
    source = HIDE.replace("LONG", long)
    most = 0

    async def one(n: int) -> str:
        nonlocal most
        own = Desk(busy.agents)
        task = asyncio.create_task(own.script(source, session=f"c{n}", checkout=shop.checkout()))
        await asyncio.sleep(0.01 * (n % 40))
        if n % 10 == 9:
            await until(lambda: len(left_of(busy, f"c{n}")) >= 4)
            most = max(most, len(await asyncio.to_thread(sleeping, long)))
        own.cancelled.set()
        end = await task
        return end.failure.words if end.failure else end.ending

    gate = asyncio.Semaphore(10)

    async def gated(n: int) -> str:
        async with gate:
            return await one(n)

    endings = await asyncio.gather(*(gated(n) for n in range(100)))
    assert set(endings) == {"cancelled"}
    assert most >= 4  # they were there
    assert sleeping(long) == []
    assert [n for n in range(100) if left_of(busy, f"c{n}")] == []
    assert not list((busy.agents.options.data_dir / "work" / "sessions").iterdir())
    for lease in (busy.agents.options.data_dir / "work" / "trees").glob("*/*.lock"):
        with lease.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_start_sweeps_what_a_dead_process_left(tmp_path: Path) -> None:
    """Workspaces and processes of a process that died are removed, whatever modes the agent set."""
    left = tmp_path / "data" / "work" / "sessions" / "old" / "files" / "deep"
    left.mkdir(parents=True)
    left.chmod(0)
    mark = mark_of(tmp_path / "data" / "work" / "sessions" / "old")
    straggler = subprocess.Popen(["sleep", "600"], env={"ROUNDSMAN_SESSION": mark, "PATH": "/usr/bin:/bin"})
    assert desk(tmp_path).agents.sweep() == ["old"]
    assert straggler.wait(5) < 0
    assert list((tmp_path / "data" / "work" / "sessions").iterdir()) == []


async def test_a_sweep_leaves_the_living_alone(tmp_path: Path) -> None:
    """A second process that starts beside us takes nothing from our sessions, nor works on one of them."""
    made = desk(tmp_path)
    at_work = "until [ -e enough ]; do sleep 0.05; done; ls / | grep -c workspace"
    working = asyncio.create_task(made.script(at_work, session="mine"))
    await until(lambda: len(left_of(made, "mine")) >= 2)
    second = desk(tmp_path)
    assert await asyncio.to_thread(second.agents.sweep) == []
    twice = await second.script("echo twice", session="mine")
    assert twice.failure is not None
    assert "still at work" in twice.failure.words
    next((tmp_path / "data" / "work").rglob("mine/files")).joinpath("enough").touch()
    assert (await working).failure is None
    assert made.said() == "1"


async def test_setup_runs_first_and_its_failure_is_said(tmp_path: Path) -> None:
    """A setup command prepares the workspace; when it fails the agent is not started."""
    made = desk(tmp_path)
    end = await made.script("cat ready", setup="echo yes > ready")
    assert made.said() == "yes"
    end = await made.script("echo never", setup="echo no such package >&2; exit 9")
    assert end.failure is not None
    assert end.failure.kind == "configuration"
    assert "no such package" in end.failure.words
    assert "never" not in made.said()
