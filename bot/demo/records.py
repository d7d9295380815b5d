"""What the embedded GitHub remembers: plain records, every field JSON, every time an ISO 8601 string in UTC."""

from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(slots=True)
class User:
    """An account: a person, a bot (`name[bot]`) or an organisation."""

    id: int
    login: str
    type: str = "User"
    name: str | None = None
    email: str | None = None
    bio: str | None = None
    created_at: str = ""
    members: dict[str, str] = field(default_factory=dict)
    """Of an organisation: login to `admin` or `member`."""
    base_role: str = "read"
    """Of an organisation: what every member may do in its repositories."""


@dataclass(slots=True)
class Team:
    """A team of an organisation."""

    id: int
    org_id: int
    slug: str
    name: str
    members: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Label:
    """A label of a repository."""

    id: int
    repo_id: int
    name: str
    color: str = "ededed"
    description: str | None = None
    default: bool = False


@dataclass(slots=True)
class Milestone:
    """A milestone of a repository."""

    id: int
    repo_id: int
    number: int
    title: str
    description: str | None = None
    state: str = "open"
    creator: str | None = None
    created_at: str = ""
    updated_at: str = ""
    closed_at: str | None = None
    due_on: str | None = None


@dataclass(slots=True)
class Repo:
    """A repository; its commits live in a real bare git repository beside the records."""

    id: int
    owner: str
    name: str
    private: bool = False
    description: str | None = None
    language: str | None = None
    default_branch: str = "main"
    archived: bool = False
    created_at: str = ""
    updated_at: str = ""
    pushed_at: str = ""
    next_number: int = 1
    collaborators: dict[str, str] = field(default_factory=dict)
    """Login to role name (`read triage write maintain admin` or a role of the organisation's own)."""
    former_names: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    protected_branches: list[str] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    """Numbers of deleted issues, which answer 410."""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(slots=True)
class Issue:
    """An issue, or the issue half of a pull request (`is_pull`)."""

    id: int
    repo_id: int
    number: int
    title: str
    author: str | None
    body: str | None = None
    is_pull: bool = False
    state: str = "open"
    state_reason: str | None = None
    labels: list[int] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    milestone: int | None = None
    locked: bool = False
    lock_reason: str | None = None
    created_at: str = ""
    updated_at: str = ""
    closed_at: str | None = None
    closed_by: str | None = None
    comments: int = 0
    reactions: dict[str, int] = field(default_factory=dict)
    type: str | None = None
    via_app: int | None = None
    mentions: list[str] = field(default_factory=list)
    """Logins mentioned in the body and in comments, lower case; kept so that `mentioned=` needs no scan."""
    association: str | None = None
    """The author's association where an export recorded one."""
    projects: list[str] = field(default_factory=list)
    blocked_by: list[int] = field(default_factory=list)
    parent: int | None = None


@dataclass(slots=True)
class Pull:
    """What a pull request has beyond its issue; `id` is the issue's id."""

    id: int
    pull_id: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    head_repo: str | None = None
    """`owner/name` of the fork it comes from, None for the repository itself."""
    draft: bool = False
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    reviewers: list[str] = field(default_factory=list)
    team_reviewers: list[str] = field(default_factory=list)
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    commits: int | None = None
    queued: bool = False
    closes: list[int] = field(default_factory=list)
    """Numbers of issues linked by hand; those named by closing keywords are found in the body."""
    auto_merge: bool = False


@dataclass(slots=True)
class Comment:
    """A comment on an issue or pull request."""

    id: int
    repo_id: int
    issue_id: int
    author: str | None
    body: str
    created_at: str = ""
    updated_at: str = ""
    reactions: dict[str, int] = field(default_factory=dict)
    via_app: int | None = None
    minimized: str | None = None
    association: str | None = None


@dataclass(slots=True)
class Reaction:
    """One person's reaction to one subject (`issue`, `comment` or `review_comment`)."""

    id: int
    subject: str
    subject_id: int
    user: str
    content: str
    created_at: str = ""


@dataclass(slots=True)
class Review:
    """A review of a pull request."""

    id: int
    repo_id: int
    issue_id: int
    author: str | None
    state: str
    body: str
    commit_id: str
    submitted_at: str | None = None
    minimized: str | None = None


@dataclass(slots=True)
class ReviewComment:
    """A comment on a line of a pull request's diff."""

    id: int
    repo_id: int
    issue_id: int
    review_id: int | None
    author: str | None
    body: str
    path: str
    commit_id: str
    diff_hunk: str
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    position: int | None = None
    in_reply_to: int | None = None
    created_at: str = ""
    updated_at: str = ""
    reactions: dict[str, int] = field(default_factory=dict)
    minimized: str | None = None


@dataclass(slots=True)
class Event:
    """An entry of an issue's event list (`labeled`, `closed`, ...); `detail` is what the kind adds."""

    id: int
    repo_id: int
    issue_id: int
    actor: str | None
    event: str
    created_at: str
    detail: dict[str, Json] = field(default_factory=dict)
    via_app: int | None = None


@dataclass(slots=True)
class CheckSuite:
    """The check runs of one App on one commit."""

    id: int
    repo_id: int
    app_id: int
    head_sha: str
    head_branch: str | None = None
    created_at: str = ""
    updated_at: str = ""


@dataclass(slots=True)
class CheckRun:
    """A check run."""

    id: int
    repo_id: int
    suite_id: int
    app_id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Json]] = field(default_factory=list)


@dataclass(slots=True)
class Status:
    """A commit status."""

    id: int
    repo_id: int
    sha: str
    state: str
    context: str = "default"
    description: str | None = None
    target_url: str | None = None
    creator: str | None = None
    created_at: str = ""


@dataclass(slots=True)
class App:
    """A registered GitHub App; `private_key` is the PEM its owner holds, kept so that tests can sign with it."""

    id: int
    slug: str
    name: str
    owner: str
    client_id: str
    client_secret: str
    private_key: str
    public_key: str
    webhook_secret: str | None = None
    webhook_url: str | None = None
    callback_urls: list[str] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    description: str | None = None
    external_url: str = "https://example.com"
    created_at: str = ""
    updated_at: str = ""

    @property
    def bot_login(self) -> str:
        """The login its comments are written under."""
        return f"{self.slug}[bot]"


@dataclass(slots=True)
class Installation:
    """An App installed on an account; `repositories` None means all of them."""

    id: int
    app_id: int
    account: str
    repositories: list[int] | None
    permissions: dict[str, str]
    events: list[str]
    created_at: str = ""
    updated_at: str = ""
    suspended_at: str | None = None
    suspended_by: str | None = None


@dataclass(slots=True)
class Token:
    """A secret and what it may do; `kind` is `personal`, `user` (an App's user token) or `installation`."""

    id: int
    token: str
    kind: str
    user: str | None = None
    app_id: int | None = None
    installation_id: int | None = None
    repositories: list[int] | None = None
    permissions: dict[str, str] | None = None
    scopes: list[str] = field(default_factory=list)
    expires_at: str | None = None
    refresh: str | None = None


@dataclass(slots=True)
class Grant:
    """A one-time code of OAuth (`oauth`) or of the manifest flow (`manifest`)."""

    id: int
    code: str
    kind: str
    expires_at: str
    detail: dict[str, Json] = field(default_factory=dict)
    used: bool = False


@dataclass(slots=True)
class Delivery:
    """One attempt to deliver one webhook; `due_at` in the future is a late one."""

    id: int
    guid: str
    app_id: int
    event: str
    action: str | None
    body: str
    created_at: str
    due_at: str
    state: str = "waiting"
    """`waiting`, `sent` or `lost`."""
    redelivery: bool = False
    installation_id: int | None = None
    repository_id: int | None = None
    delivered_at: str | None = None
    duration: float = 0.0
    status: str = ""
    status_code: int = 0
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""


Record = (
    User | Team | Label | Milestone | Repo | Issue | Pull | Comment | Reaction | Review | ReviewComment | Event
    | CheckSuite | CheckRun | Status | App | Installation | Token | Grant | Delivery
)  # fmt: skip
