"""Agents as the operator set them up, and what `doctor` has to say about them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.agents.mirror import SizeOf, TokenOf
from bot.agents.programs import Program
from bot.agents.work import SPECS, Agents, Options
from bot.settings import Settings, environment


def agents_of(settings: Settings, token_of: TokenOf | None = None, size_of: SizeOf | None = None) -> Agents:
    """Build the port from the settings. `token_of` gives a token that may read a repository, `size_of` its size in kB."""
    options = Options(
        data_dir=settings.data_dir.absolute(),
        confine=settings.sandbox != "none",
        tools_dir=settings.tools_dir.absolute() if settings.tools_dir else None,
        model_keys={name: key.get_secret_value() for name, key in settings.model_keys.items()},
        model_urls=dict(settings.model_urls),
        prices=settings.prices,
        egress=tuple(settings.egress),
        workspace_bytes=settings.workspace_mb * 1024 * 1024,
        host_environment=environment("PATH", "LANG", "TZ"),
    )
    return Agents(options, token_of, size_of)


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`: what was looked at, whether it works, and what it is or what to do."""

    what: str
    ok: bool
    words: str


async def findings(agents: Agents, default_engine: str = "claude") -> list[Finding]:
    """Try the sandbox and look at every engine. An engine nobody gave a key for is no fault unless it is the default."""
    if agents.options.confine:
        probed = await agents.probe()
        found = [Finding("sandbox", probed.confined, probed.words)]
    else:
        words = "off by ROUNDSMAN_SANDBOX=none: agents can read what this service can"
        found = [Finding("sandbox", False, words)]
    for name, program in agents.programs().items():
        if name == "script":
            continue
        wanted = name in agents.options.model_keys or name == default_engine
        if not isinstance(program, Program):
            found.append(Finding(name, not wanted, program.words))
        elif name in agents.options.model_keys:
            found.append(Finding(name, True, f"{SPECS[name].command} {program.version}, with a key"))
        else:
            words = f"{SPECS[name].command} {program.version}, but no key in ROUNDSMAN_MODEL_KEYS"
            found.append(Finding(name, not wanted, words))
    return found
