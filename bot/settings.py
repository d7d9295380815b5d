"""The only reader of the environment: every setting, its default and one line on what it is for."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytz
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASS|AUTH|CREDENTIAL", re.IGNORECASE)
"""Variables of tool servers whose values are kept out of what we publish."""


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what to do."""


class HttpHost(BaseModel):
    """A host that contexts may read, with headers sent to it alone."""

    model_config = ConfigDict(extra="forbid")
    headers: dict[str, SecretStr] = {}
    private: bool = False
    """Whether the host may have a private address; link-local ones and metadata services stay closed."""


class Retention(BaseModel):
    """How long things are kept, in days; of each job's runs at least the last `runs_last`, whatever their age."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    runs_days: int = Field(90, ge=1)
    runs_last: int = Field(20, ge=1)
    transcripts_days: int = Field(30, ge=1)
    audit_days: int = Field(365, ge=1)


class Settings(BaseSettings):
    """Read from `ROUNDSMAN_*` and `.env`; values given to the constructor win."""

    model_config = SettingsConfigDict(
        env_prefix="ROUNDSMAN_", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    database_url: str | None = Field(None, description="SQLite under the data directory, or postgresql://…")
    data_dir: Path = Field(
        Path("roundsman-data"), description="Where the database, mirrors and workspaces live"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 picks a free one")
    public_url: str | None = Field(None, description="How browsers and GitHub reach this service")

    github_api_url: str = Field(
        "https://api.github.com", description="REST API; on Enterprise Server https://HOST/api/v3"
    )
    github_url: str = Field("https://github.com", description="Web, OAuth and git")
    github_app_id: int | None = Field(None, description="The App's id")
    github_private_key: SecretStr | None = Field(None, description="The App's private key, PEM")
    github_private_key_path: Path | None = Field(None, description="File that holds the private key")
    github_webhook_secret: SecretStr | None = Field(
        None, description="Webhook secret; two during rotation, separated by a comma"
    )
    github_client_id: str | None = Field(None, description="The App's OAuth client id")
    github_client_secret: SecretStr | None = Field(None, description="The App's OAuth client secret")
    github_token: SecretStr | None = Field(None, description="A token, for use without an App")
    repositories: list[str] = Field(
        [], description="With a token: the repositories `serve` and `tick` look after, a JSON list"
    )
    jobs_file: Path | None = Field(
        None, description="A local file with the jobs of several repositories, read again when it changes"
    )

    secret_key: SecretStr | None = Field(
        None,
        description="Signs cookies and markers, encrypts stored credentials; made and kept in the data directory when unset",
    )
    secret_key_before: SecretStr | None = Field(
        None,
        description="The key before the last rotation: stored credentials are read with it once more and written anew",
    )
    max_sessions: int = Field(3, ge=1, le=1000, description="Sessions at once over all processes")
    max_sessions_per_worker: int = Field(3, ge=1, le=1000, description="Sessions at once in one process")
    max_sessions_per_repo: int = Field(3, ge=1, le=1000, description="Sessions at once in one repository")
    sandbox: Literal["auto", "bwrap", "none"] = Field(
        "auto",
        description="`auto` and `bwrap` confine agents and refuse where that is impossible; `none` runs them unconfined",
    )
    tools_dir: Path | None = Field(
        None, description="Where the agent CLIs are installed (node_modules/.bin); PATH when unset"
    )
    default_engine: str = Field("claude", description="Engine of jobs and commands that name none")
    default_model: str | None = Field(None, description="Model of jobs and commands that name none")
    model_keys: dict[str, SecretStr] = Field(
        {}, description='API key of each engine\'s model, JSON: {"claude": "…"}'
    )
    model_urls: dict[str, str] = Field(
        {}, description="Base URL of each engine's model API, where not the provider's own"
    )
    prices: dict[str, dict[str, float]] = Field(
        {},
        description='Prices of further models, USD per million tokens: {"model": {"input": 3, "output": 15}}',
    )
    ceilings: dict[str, Any] = Field(
        {},
        description="What no job may exceed: engines, models, permission_modes, max_items, timeout, budget, repository_budget and installation_budget a day, runs_per_day, minimum_period",
    )
    allowed_accounts: list[str] = Field(
        [], description="Accounts that may install the App; empty lets everybody"
    )
    operators: list[str] = Field(
        [],
        description="GitHub logins that operate this service (installations, global stop, all repositories)",
    )
    workspace_mb: int = Field(
        4096, ge=16, description="Megabytes one session may write to disk before it is ended"
    )
    egress: list[str] = Field(
        [],
        description="Hosts that `setup:` commands and agents may reach: `host`, `*.host` (both port 443) or `host:port`",
    )
    notify: dict[str, SecretStr] = Field(
        {},
        description='Notification channels by name, Apprise URLs: {"slack": "slack://…"}; `{target}` in a URL is where a job\'s `target` goes',
    )
    notify_apart: int = Field(
        600,
        ge=0,
        description="Seconds between two messages to one channel; what happens meanwhile is gathered",
    )
    language: Literal["en", "tr", "de"] = Field(
        "en", description="Language of notifications; people choose that of the pages themselves"
    )
    quiet_hours: str | None = Field(
        None,
        description="When notifications wait, in the operator's time zone, `22:00-07:00`; webhooks do not",
    )
    webhooks_out: dict[str, SecretStr] = Field(
        {}, description="Outgoing job.completed webhooks: {URL: signing secret}"
    )
    http_context: dict[str, HttpHost] = Field(
        {},
        description='Hosts `http` contexts may read, with headers: {"wiki.example.org": {"headers": {}, "private": false}}; `host:port` for other ports, `private` for hosts in your own network',
    )
    linear_api_key: SecretStr | None = Field(None, description="Linear API key for `linear` contexts")
    linear_url: str = Field("https://api.linear.app/graphql", description="Linear's GraphQL endpoint")
    database_contexts: dict[str, SecretStr] = Field(
        {}, description="Named databases for `database` contexts, read-only URLs"
    )
    mcp_servers: dict[str, dict[str, Any]] = Field({}, description="MCP servers jobs may pick by name")
    retention: Retention = Field(
        Retention(),
        description="How long things are kept, JSON: `runs_days` (90) and at least `runs_last` (20) of a job, `transcripts_days` (30), "
        "`audit_days` (365)",
    )
    minimum_period: int = Field(
        60, ge=1, description="Shortest allowed time between scheduled fires, seconds"
    )
    timezone: str = Field("UTC", description="The operator's time zone, in which budget days begin")
    poll_seconds: float = Field(
        1.0, gt=0, le=60, description="How often an idle process looks for work others left"
    )
    idle_timeout: int = Field(180, ge=5, description="Seconds without a word after which an agent is ended")
    grace_seconds: int = Field(30, ge=0, description="Seconds sessions get to end on a graceful stop")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: console on a terminal, else json"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged"
    )
    otlp_endpoint: str | None = Field(
        None, description="OpenTelemetry collector (OTLP over HTTP); off when unset"
    )
    public_view: bool = Field(
        False,
        description="Let anyone look at public repositories' jobs and runs, without prompts and transcripts",
    )
    local: bool = Field(False, description="Single-user mode without sign-in; loopback only")
    session_hours: int = Field(8, ge=1, le=720, description="Hours after which people sign in again")
    api_rate: int = Field(600, ge=1, description="API requests a minute for each token or person")
    quota_reserve: int = Field(500, ge=0, description="Requests an hour left to the account's other tools")
    slot: str | None = Field(
        None, description="This process's stable executor name; a free one is taken when unset"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in pytz.all_timezones_set:
            raise ValueError(f"{name} is no time zone; write one like Europe/Zurich")
        return name

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'roundsman.db'}"

    @property
    def base_url(self) -> str:
        """Where links lead to."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def links_url(self) -> str:
        """Where links in what we write to GitHub lead to; empty where only this machine could follow them."""
        near = (urlsplit(self.github_url).hostname or "") in ("127.0.0.1", "localhost", "::1")
        return self.base_url if self.public_url or near else ""

    def private_key(self) -> str | None:
        """The App's private key; raises SettingsError where the named file cannot be read."""
        if self.github_private_key:
            return self.github_private_key.get_secret_value().replace("\\n", "\n")
        if self.github_private_key_path is None:
            return None
        try:
            return self.github_private_key_path.read_text()
        except OSError as error:
            raise SettingsError(
                f"ROUNDSMAN_GITHUB_PRIVATE_KEY_PATH {self.github_private_key_path}: {error.strerror}; name a readable PEM file"
            ) from error

    def key(self) -> bytes:
        """The signing and encryption key; made once and kept beside the database where none is set."""
        if self.secret_key:
            return self.secret_key.get_secret_value().encode()
        path = self.data_dir / "secret.key"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        fresh = secrets.token_urlsafe(32).encode()
        with os.fdopen(descriptor, "wb") as file:
            file.write(fresh)
        return fresh

    def keys(self) -> tuple[bytes, ...]:
        """The key in force and the one before it: what was encrypted under either can be read."""
        before = self.secret_key_before
        return (self.key(), before.get_secret_value().encode()) if before else (self.key(),)

    def all_secrets(self) -> tuple[str, ...]:
        """Every secret we know, for redaction."""
        single = (
            self.github_private_key,
            self.github_webhook_secret,
            self.github_client_secret,
            self.github_token,
            self.secret_key,
            self.secret_key_before,
            self.linear_api_key,
        )
        many = (
            *self.model_keys.values(),
            *self.notify.values(),
            *self.webhooks_out.values(),
            *self.database_contexts.values(),
        )
        headers = (value for host in self.http_context.values() for value in host.headers.values())
        given = [s.get_secret_value() for s in (*single, *many, *headers) if s]
        for server in self.mcp_servers.values():
            named = (server.get("environment") or {}).items()
            given += [str(value) for name, value in named if _SECRET_NAME.search(str(name))]
        return tuple(dict.fromkeys(s for s in given if len(s) >= 6))


def load(**given: Any) -> Settings:
    """Read the settings; raises SettingsError that names the first wrong one."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(["ROUNDSMAN", *(str(part).upper() for part in first["loc"][:1])])
        inside = ".".join(str(part) for part in first["loc"][1:])
        said = "a key that is not known" if first["type"] == "extra_forbidden" else first["msg"]
        where = f"{name} {inside}" if inside else name
        raise SettingsError(f"{where}: {said}; correct it in the environment or .env") from error
    except Exception as error:  # pydantic-settings raises its own kind where JSON cannot be read
        raise SettingsError(
            f"{error}; lists and tables are written as JSON in the environment or .env"
        ) from error


def environment(*names: str) -> dict[str, str]:
    """The named variables of this process that are set: what an allow-list lets through to a child."""
    return {name: os.environ[name] for name in names if name in os.environ}
