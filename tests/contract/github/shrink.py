"""Makes the judge's asset: GitHub's OpenAPI description cut to the operations the embedded GitHub serves.

`python -m tests.contract.github.shrink node_modules/@octokit/openapi/generated/api.github.com.json` writes
`tests/assets/github-openapi.json.xz` (source: npm `@octokit/openapi` 23.0.2, MIT, notice beside it).
"""

import json
import lzma
import sys
from pathlib import Path
from typing import Any

from bot.demo.routes import ROUTERS

ASSET = Path(__file__).parents[2] / "assets" / "github-openapi.json.xz"
SENT = ("issues-", "issue-comment-", "pull-request-", "push", "check-run-", "check-suite-", "installation-", "label-",
        "milestone-", "repository-", "status")  # fmt: skip
PROSE = {
    "description",
    "example",
    "examples",
    "externalDocs",
    "summary",
    "title",
    "deprecated",
    "x-github",
    "tags",
}


def normal(path: str) -> str:
    """A path with its parameters made anonymous."""
    return "/".join("{}" if "{" in x else x for x in path.split("/"))


def served() -> set[tuple[str, str]]:
    """(method, anonymous path) of every route."""
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    return {(m.lower(), normal(x.path)) for x in routes for m in x.methods}


def bare(value: Any, *, named: bool = False) -> Any:
    """Without prose; a mapping of names (`properties`) keeps all its keys."""
    if isinstance(value, list):
        return [bare(x) for x in value]
    if not isinstance(value, dict):
        return value
    return {
        k: bare(v, named=k in ("properties", "schemas", "responses", "parameters", "headers"))
        for k, v in value.items()
        if named or k not in PROSE
    }


def references(value: Any) -> set[str]:
    """Every `$ref` inside."""
    if isinstance(value, list):
        return {x for part in value for x in references(part)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own | {x for part in value.values() for x in references(part)}


def shrink(whole: dict[str, Any]) -> dict[str, Any]:
    """The served part with all it refers to."""
    wanted = served()
    paths: dict[str, Any] = {}
    for path, operations in whole["paths"].items():
        kept = {m: bare(op) for m, op in operations.items() if (m, normal(path)) in wanted}
        if kept:
            paths[path] = kept
    hooks = {k: bare(v) for k, v in whole["x-webhooks"].items() if k.startswith(SENT)}
    components: dict[str, dict[str, Any]] = {}
    open_refs = references(paths) | references(hooks)
    while open_refs:
        ref = open_refs.pop()
        _, _, kind, name = ref.split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = bare(whole["components"][kind][name])
            open_refs |= references(components[kind][name])
    head = {"openapi": whole["openapi"], "info": whole["info"]}
    return head | {"paths": paths, "x-webhooks": hooks, "components": components}


if __name__ == "__main__":
    small = shrink(json.loads(Path(sys.argv[1]).read_text()))
    ASSET.write_bytes(lzma.compress(json.dumps(small, separators=(",", ":")).encode(), preset=9))
    sys.stdout.write(f"{ASSET.name}: {len(small['paths'])} paths, {ASSET.stat().st_size} bytes\n")
