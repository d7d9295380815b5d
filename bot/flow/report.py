"""Outcome -> the words people read on GitHub. Every public word lives here.

A comment a person can read in ten seconds: a headline, the summary, collapsed details, earlier rounds collapsed, a footer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.model.outcome import Decision, NewIssue
from bot.model.run import Effect

MOST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
ROUNDS = 5
HEADLINE = 100
REFUSED = 10


_NOTE = re.compile(
    r"<!-- roundsman-state:(([^#\n]{1,200})#(\d{1,12}) session=(\d{1,12}) saw=([0-9a-f]{1,64}) left=([0-9a-f]{1,64})) mac=([0-9a-f]{32}) -->"
)


@dataclass(frozen=True, slots=True)
class Footer:
    """The small print: which job and run, with what, how long, how dear, and how to get another round."""

    job: str
    run: int
    run_url: str
    engine: str
    model: str | None
    duration_s: float
    cost: float | None
    again: str | None = None


def how_again(session: int, *, steered: bool) -> str:
    """How people get another round on an item: by a comment where comments reach us, else from a terminal."""
    if steered:
        return "<code>/roundsman rerun</code> to run again, <code>/roundsman ignore</code> to stop"
    return f"<code>roundsman sessions rerun {session}</code> to run again"


def headline(description: str | None, name: str) -> str:
    """What stands above a comment: the job's description where it is as short as a headline, else its name in words."""
    said = " ".join((description or "").split())
    return said if 0 < len(said) <= HEADLINE else name.replace("-", " ").replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class EarlierRound:
    """What the same job said of the item before."""

    at: datetime
    run: int
    text: str


def marker(key: bytes, job: str, number: int, session: int | None = None) -> str:
    """The hidden comment that says "this is ours": signed, one per (job, item), or per session where each gets its own.

    HMAC-SHA256 over job, item and session, so a stranger's imitation with another job or item does not verify.
    """
    said = f"{job}#{number}" + (f"/{session}" if session is not None else "")
    mac = hmac.new(key, f"roundsman:comment:{said}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"<!-- roundsman:{plain(said)}:{mac} -->"


@dataclass(frozen=True, slots=True)
class Note:
    """A hidden note of ours: which job dealt with the item, what it saw and what it left, by the states' names."""

    job: str
    session: int
    saw: str
    left: str


def state_note(key: bytes, job: str, number: int, session: int, saw: str, left: str) -> str:
    """A second hidden comment: the state the session saw and the one it left, signed; the ledger where no disk survives."""
    said = f"{plain(job)}#{number} session={session} saw={saw} left={left}"
    return f"<!-- roundsman-state:{said} mac={_noted(key, said)} -->"


def notes_in(key: bytes, number: int, body: str) -> list[Note]:
    """The notes in a comment that are ours and of this item; whatever else looks like one is none."""
    found = _NOTE.findall(body)
    return [
        Note(job, int(session), saw, left)
        for said, job, there, session, saw, left, mac in found
        if int(there) == number and hmac.compare_digest(mac, _noted(key, said))
    ]


def _noted(key: bytes, said: str) -> str:
    return hmac.new(key, f"roundsman:state:{said}".encode(), hashlib.sha256).hexdigest()[:32]


def comment(
    title: str, text: str, decision: Decision, done: Sequence[str], footer: Footer, hidden: Sequence[str],
    earlier: Sequence[EarlierRound] = (),
) -> str:  # fmt: skip
    """The whole comment. `text` and everything in `decision` are already safe to publish; `done` says what was applied."""
    head = f"### {_one_line(title)}\n\n"
    tail = f"\n\n---\n{_small(footer)}\n" + "\n".join(hidden)
    details = _details(decision, done)
    past = _earlier(earlier, MOST - len(head) - len(tail) - len(details) - min(len(text), MOST // 2))
    room = MOST - len(head) - len(tail) - len(details) - len(past)
    return head + _cut(text.strip(), room) + details + past + tail


def formal(text: str, decision: Decision, done: Sequence[str], footer: Footer) -> str:
    """The same as a review's or a check run's text: these have a headline of their own, and their own marks."""
    tail = f"\n\n---\n{_small(footer)}"
    details = _details(decision, done)
    return _cut(text.strip(), MOST - len(details) - len(tail)) + details + tail


def check_title(text: str) -> str:
    """The first line of a text as a check run's title, which shows Markdown as it is written."""
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first.lstrip("#>-* "))
    return re.sub(r"[*`]+|(?<!\w)_+|_+(?!\w)", "", bare)[:255] or "Looked at"


def _details(decision: Decision, done: Sequence[str]) -> str:
    """What was done, and what was refused with its reason; one thing that was done needs no folding."""
    refused = decision.refused
    if len(done) == 1 and not refused:
        return f"\n\n{_capital(done[0])}."
    lines = [f"- {_capital(line)}" for line in done]
    lines += [
        f"- Not done: {_PROPOSALS.get(each.kind, each.kind)}, because {each.reason}"
        for each in refused[:REFUSED]
    ]
    if len(refused) > REFUSED:
        lines.append(f"- … and {len(refused) - REFUSED} more, on the session's page")
    if not lines:
        return ""
    counts = [f"{len(done)} done"] * bool(done) + [f"{len(refused)} refused"] * bool(refused)
    head = f"Actions: {', '.join(counts)}"
    return f"\n\n<details><summary>{head}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _earlier(rounds: Sequence[EarlierRound], room: int) -> str:
    parts: list[str] = []
    for past in rounds[:ROUNDS]:
        part = f"**Run {past.run}** · {past.at:%Y-%m-%d %H:%M} UTC\n\n{past.text.strip()}"
        if sum(map(len, parts)) + len(part) + 200 > room:
            break
        parts.append(part)
    if not parts:
        return ""
    return (
        f"\n\n<details><summary>Earlier rounds ({len(parts)})</summary>\n\n"
        + "\n\n---\n\n".join(parts)
        + "\n\n</details>"
    )


def _small(footer: Footer) -> str:
    engine = f"{footer.engine} {footer.model}" if footer.model else footer.engine
    parts = [
        f"job <code>{_one_line(footer.job)}</code>",
        _linked(f"run {footer.run}", footer.run_url),
        engine,
        duration(footer.duration_s),
    ]
    if footer.cost:
        parts.append(f"${footer.cost:.2f}")
    if footer.again:
        parts.append(footer.again)
    return f"<sub>{' · '.join(parts)}</sub>"


def _linked(words: str, url: str) -> str:
    """A link, where there is an address that others can follow."""
    return f'<a href="{url}">{words}</a>' if "://" in url else words


def duration(seconds: float) -> str:
    """Seconds as people say them: `0.8 s`, `42 s`, `3 min 5 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    note = "\n\n*… cut here; the run's page has the rest.*"
    kept = text[: max(0, room - len(note) - 8)]
    fences = sum(1 for line in kept.splitlines() if line.lstrip().startswith("```"))
    return kept + ("\n```" if fences % 2 else "") + note


def _one_line(text: str) -> str:
    return " ".join(text.replace("<", "‹").replace(">", "›").split())[:200]


def plain(text: str) -> str:
    """Nothing that could end a hidden comment."""
    return text.replace("--", "-‑").replace(">", "")


def origin(job: str, session_url: str, number: int | None) -> str:
    """Words under an issue or pull request that a session opened: whose work it is and what it is about."""
    about = f" for #{number}" if number else ""
    where = f" · {_linked('session', session_url)}" if "://" in session_url else ""
    return f"---\n<sub>proposed by job <code>{_one_line(job)}</code>{about}{where}</sub>"


def deed(effect: Effect) -> str:
    """One thing we did, in words."""
    facet, _, name = (effect.facet or effect.kind).partition(":")
    match facet:
        case "label":
            return f"label `{name}` {'added' if effect.after else 'removed'}"
        case "assignee":
            return f"assigned to {name}"
        case "milestone":
            return (
                f"milestone set to {_one_line(str(effect.after))}" if effect.after else "milestone taken off"
            )
        case "state":
            return "closed" if effect.after == "closed" else "opened again"
        case _:
            return (
                f"[{_KINDS.get(effect.kind, effect.kind)}]({effect.url})"
                if effect.url
                else _KINDS.get(effect.kind, effect.kind)
            )


_PROPOSALS = {
    "comment": "a comment", "labels.add": "adding labels", "labels.remove": "removing labels", "assign": "assigning people",
    "milestone": "setting the milestone", "close": "closing", "reopen": "opening again", "review": "a review", "check": "a check run",
    "issue": "a new issue", "pull_request": "a pull request",
}  # fmt: skip
_KINDS = {"review": "review", "check": "check run", "issue": "new issue", "pull_request": "pull request"}


def dashboard_issue() -> NewIssue:
    """The issue of a repository in which jobs without an item report."""
    body = (
        "Jobs that work on the codebase, or on nothing in particular, report here: each in one comment that it keeps up to date.\n\n"
        "Unsubscribe if you don't want to hear of them. Closed, this issue is opened again when a job has something to say."
    )
    return NewIssue(title="Roundsman dashboard", body=body)
