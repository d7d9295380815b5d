"""What GitHub finds in Markdown: mentioned logins and closing references, outside code."""

import re

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|<!--.*?-->", re.DOTALL)
_MENTION = re.compile(r"(?<![\w/.@-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?)(?![\w/])")
_TEAM = re.compile(r"(?<![\w/.@-])@([A-Za-z0-9-]+/[A-Za-z0-9_-]+)")
_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:([\w.-]+/[\w.-]+))?#(\d+)\b", re.IGNORECASE
)


def mentioned(text: str | None) -> list[str]:
    """Lower-case logins mentioned with `@`."""
    return sorted({x.lower() for x in _MENTION.findall(_CODE.sub(" ", text or ""))})


def mentioned_teams(text: str | None) -> list[str]:
    """Lower-case `org/team` names mentioned with `@`."""
    return sorted({x.lower() for x in _TEAM.findall(_CODE.sub(" ", text or ""))})


def closes(text: str | None, full_name: str) -> list[int]:
    """Numbers of the issues of this repository that the text says it closes."""
    found = _CLOSES.findall(_CODE.sub(" ", text or ""))
    return sorted({int(number) for repo, number in found if not repo or repo.lower() == full_name.lower()})
