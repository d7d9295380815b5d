"""What an agent session is asked, what it says while it works, and how it ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.model.outcome import Outcome

EngineName = Literal["claude", "codex", "gemini", "opencode", "script"]
PermissionMode = Literal["default", "plan", "acceptEdits", "dontAsk", "bypassPermissions"]


class _Value(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


class Limits(_Value):
    """What one session may use; enforced by us whatever the agent's program does."""

    wall_s: float = Field(default=300.0, gt=0)
    idle_s: float = Field(default=180.0, gt=0)
    turns: int = Field(default=30, ge=1)
    output_bytes: int = Field(default=32_000_000, ge=1)
    cost_usd: float | None = Field(default=None, ge=0)
    """None where no budget applies; 0 allows no call to a model."""


class Checkout(_Value):
    """The commit a session works on. It carries no credential."""

    repository: str = Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")
    clone_url: str
    commit: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    ref: str | None = None
    """Fetched when `commit` is None or not yet in the mirror (`refs/pull/7/head`, `refs/heads/main`)."""
    partial: bool = False
    """Fetch blobs on demand: for repositories too large to mirror whole."""
    wanted: tuple[str, ...] = ()
    """Commits or refs of the run's other items, fetched in the same go."""
    trusted: str | None = None
    """The ref whose instruction files (AGENTS.md and the like) people with write access answer for: the default branch."""
    run: str | None = None
    """The run this belongs to: a repository is fetched at most once a run, however many items."""


class Script(_Value):
    """A program of the library or of the repository's default branch that does the work without a model."""

    name: str
    source: str
    payload: str = "{}"
    """JSON handed to the program on standard input."""


class McpServer(_Value):
    """A tool server the operator configured and the job picked."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    command: tuple[str, ...] = ()
    url: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)


class SessionRequest(_Value):
    """Everything one attempt of one session needs; `prompt` may hold fenced text of strangers, `system` never."""

    session: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    engine: EngineName
    model: str | None = None
    prompt: str = ""
    system: str = ""
    max_turns: int = Field(default=30, ge=1)
    permission_mode: PermissionMode = "acceptEdits"
    allowed_tools: tuple[str, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    setup: str | None = None
    resume: str | None = None
    """The agent's own session id, to go on where it stopped; where that cannot be, a new one is begun."""
    continues: bool = False
    """Keep the agent's own session, so that a later one may go on with it."""
    script: Script | None = None
    limits: Limits = Limits()
    checkout: Checkout | None = None
    base: str | None = None
    """The commit the patch is computed against; the checkout's own when None."""


# ── what it says ─────────────────────────────────────────────────────────────────────────────────


class Started(_Value):
    """The agent's program runs."""

    type: Literal["started"] = "started"
    agent_session: str | None = None
    model: str | None = None
    version: str | None = None
    tools: tuple[str, ...] = ()


class Said(_Value):
    """Text of the agent."""

    type: Literal["said"] = "said"
    text: str


class ToolUsed(_Value):
    """The agent called a tool."""

    type: Literal["tool_used"] = "tool_used"
    tool: str
    call: str = ""
    argument: str = ""


class ToolAnswered(_Value):
    """A tool answered the agent."""

    type: Literal["tool_answered"] = "tool_answered"
    call: str = ""
    text: str = ""
    failed: bool = False


class Spent(_Value):
    """One call to a model was paid for. `tokens_in` leaves out what came from the cache."""

    type: Literal["spent"] = "spent"
    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float | None = None


class Noted(_Value):
    """Something worth knowing that is no word of the agent: a retry, a refused tool, a limit, a cut."""

    type: Literal["noted"] = "noted"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class Ended(_Value):
    """The last event of every session."""

    type: Literal["ended"] = "ended"
    ending: Ending
    words: str = ""


Event = Annotated[
    Started | Said | ToolUsed | ToolAnswered | Spent | Noted | Ended, Field(discriminator="type")
]


# ── how it ended ─────────────────────────────────────────────────────────────────────────────────

Ending = Literal["succeeded", "quiet", "failed", "timeout", "cancelled"]
FailureKind = Literal[
    "api_fault",
    "timeout",
    "idle",
    "crash",
    "refusal",
    "configuration",
    "budget",
    "turns",
    "output_too_large",
    "workspace_full",
    "bad_outcome",
    "missing_cli",
    "wrong_version",
    "sandbox",
    "workspace",
]
RETRYABLE: frozenset[FailureKind] = frozenset({"api_fault", "timeout", "idle", "crash", "workspace"})


class Failure(_Value):
    """Why a session ended badly, in words for whoever can mend it."""

    kind: FailureKind
    words: str
    retryable: bool = False

    @classmethod
    def of(cls, kind: FailureKind, words: str, *, retryable: bool | None = None) -> Failure:
        """Make a failure; whether it may be tried again follows from its kind unless said."""
        return cls(kind=kind, words=words, retryable=kind in RETRYABLE if retryable is None else retryable)


class Usage(_Value):
    """What a session used in all. `cost_usd` is None when no call could be priced."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float | None = None


class PatchFile(_Value):
    """One changed file. `content` is the new text in base64, None when deleted or over the cap."""

    path: str
    old_path: str | None = None
    status: Literal["added", "modified", "deleted", "renamed"]
    mode: str = "100644"
    old_mode: str | None = None
    additions: int = 0
    deletions: int = 0
    binary: bool = False
    content: str | None = None


class Patch(_Value):
    """What the agent changed in its workspace, recomputed by us from trusted git data."""

    base: str
    diff: str
    files: tuple[PatchFile, ...] = ()
    refused: str | None = None
    """Set when the change is over the caps (1024 kB, 100 files): then `files` and `diff` are empty."""


class AgentEnd(_Value):
    """The end of one attempt of a session. Expected failures are values here, never exceptions."""

    ending: Ending
    failure: Failure | None = None
    usage: Usage = Usage()
    turns: int = 0
    agent_session: str | None = None
    model: str | None = None
    duration_s: float = 0.0
    message: str = ""
    """The agent's final words, capped."""
    outcome: Outcome | None = None
    outcome_fault: str | None = None
    patch: Patch | None = None


Ended.model_rebuild()
