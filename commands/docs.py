"""The command reference, written from the library itself: `python -m commands.docs > docs/commands.md`."""

import json
from collections.abc import Iterator

from commands.catalog import Catalog
from commands.frontmatter import FrontMatter, Input
from commands.names import FIELDS, TARGETS
from commands.sandbox import FILTER_NAMES
from commands.template import Command
from commands.times import TIME_NAMES

_INTRO = """\
# Commands

<!-- Written by `python -m commands.docs > docs/commands.md`; a test keeps it current. -->

A command says what a session does with its item. A job names one (`command: issue/root-cause`) or has a `prompt:` of its own.
The library's commands are listed here; a repository adds its own, or takes the place of one of these, with files below
`.github/roundsman/commands/` on its default branch. Try them without a job:

```
roundsman commands list
roundsman commands show issue/root-cause
roundsman commands render issue/root-cause --item issue.json --var depth=quick
roundsman commands check --own .github/roundsman/commands
```
"""

_WRITING = """\
## Writing your own

A Markdown file with front matter and a [Jinja](https://jinja.palletsprojects.com/templates/) body, say
`.github/roundsman/commands/house/triage.md`, which jobs name `house/triage`:

```markdown
---
extends: issue/triage-labels
title: Triage, as we do it
inputs:
  team: {description: Who is on duty, default: core}
---
Never use the label `bug` for the documentation; that is `docs`. On duty: {{ inputs.team }}.
```

With `extends` it takes over what it leaves open: keys, inputs and text. Plain text is added to the parent's before it says how to end; a
`{% block %}` takes the place of the parent's block of that name (`role look leave more evidence outcome quiet`). A command may extend the
library's command of its own name.

Whatever strangers wrote (title, description, comments, diffs, branch names) reaches the prompt cleaned of hidden text, between markers no stranger
can imitate, and named as data. It can be printed, measured (`item.body | length`), searched (`'panic' in item.body`) and cut (`item.body | truncate(500)`), and
nothing else.

Templates know conditions, loops, `set`, comparisons and the filters below; no macros, includes, recursion or calls. A rendering may take 100,000 steps and
print 400,000 characters. A name that does not exist is a fault when the command is saved, not when it runs.

A script (`engine: script`, `script: name.py`, the program beside the command) gets one JSON object on standard input (or in the file named in
`ROUNDSMAN_INPUT`): `item`, `repository`, `issues`, `inputs`; it runs in the checkout and writes its outcome to the file named in `ROUNDSMAN_OUTCOME`.
"""

_KEYS = {
    "title": "A few words.",
    "description": "What it is for, in a sentence.",
    "target": "What it works on: `issues`, `prs`, `codebase` or `custom`.",
    "engine": "`claude`, `codex`, `gemini`, `opencode` or `script`; the job's own comes first, except for scripts.",
    "model": "The model, where the job names none.",
    "max_turns": "Turns a session may take, where the job does not say.",
    "permission_mode": "`default`, `acceptEdits`, `plan`, `dontAsk` or `bypassPermissions`, where the job does not say.",
    "allowed_tools": "Tools the agent may use, where the job does not say.",
    "may": "What a session may do on GitHub, where the job does not say.",
    "inputs": "Values a job sets under `variables:`, each with `description`, `default`, `required`, `choices`.",
    "extends": "The command it builds on.",
    "script": "The program of a script command, beside it.",
}


def reference() -> str:
    """The whole page, as Markdown."""
    catalog = Catalog()
    parts = [_INTRO, _table(catalog)]
    for target in TARGETS:
        parts.extend("\n".join(_section(catalog.get(name))) for name in catalog.names(target))
    parts += [_WRITING, _keys(), _variables(), _filters()]
    return "\n".join(parts)


def _table(catalog: Catalog) -> str:
    rows = [
        f"| [{command.name}](#{_anchor(command.name)}) | {command.description} |"
        for command in catalog.commands()
    ]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows, ""])


def _anchor(name: str) -> str:
    return name.replace("/", "")


def _section(command: Command) -> Iterator[str]:
    yield f"## {command.name}\n\n{command.description}\n"
    facts = [f"target `{command.target}`"]
    facts += ["a script: no model, no key"] if command.is_script else []
    facts += [f"at most {command.max_turns} turns"] if command.max_turns else []
    facts += [f"tools {', '.join(command.allowed_tools)}"] if command.allowed_tools else []
    yield f"{'; '.join(facts)}. May: `{json.dumps(command.may)}`.\n".replace('"', "")
    if command.inputs:
        yield "| input | default | |\n| --- | --- | --- |"
        yield from (_input(name, given) for name, given in command.inputs.items())
        yield ""


def _input(name: str, given: Input) -> str:
    choices = f" One of {', '.join(f'`{choice}`' for choice in given.choices)}." if given.choices else ""
    return f"| `{name}` | `{json.dumps(given.default, ensure_ascii=False)}` | {given.description}.{choices} |"


def _keys() -> str:
    rows = [f"| `{key}` | {_KEYS[key]} |" for key in FrontMatter.model_fields]
    return "\n".join(["### Front matter", "", "| key | meaning |", "| --- | --- |", *rows, ""])


def _variables() -> str:
    rows = []
    for field in FIELDS:
        marks = [
            mark
            for mark, holds in (("fenced", field.untrusted), ("fetched when used", field.fetched))
            if holds
        ]
        only = "" if field.targets == TARGETS else f" ({', '.join(field.targets)})"
        rows.append(f"| `{field.path}` | {field.help}{only} | {', '.join(marks)} |")
    times = ", ".join(f"`{name}`" for name in TIME_NAMES)
    return "\n".join(
        [
            "### Variables", "", "| name | what it is | |", "| --- | --- | --- |", *rows,
            "| `inputs.…` | the command's inputs, from the job's `variables:` or their defaults | |",
            "| `variables.…` | all of the job's `variables:`; also bare, as `{{ team }}` | |",
            f"| {times} | in the job's time zone | |", "",
        ]
    )  # fmt: skip


def _filters() -> str:
    return f"### Filters\n\n{', '.join(f'`{name}`' for name in FILTER_NAMES)}.\n"


if __name__ == "__main__":
    print(reference(), end="")
