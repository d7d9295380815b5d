"""What Roundsman is made of, from the metadata of what is installed: a CycloneDX bill and a page of notices."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bot

ROOT = Path(__file__).resolve().parents[2]
VENDORED = ROOT / "bot/web/static/vendor/LICENSES"
_HEADING = re.compile(r"^(\S+) (\d\S*)\n=+\n(.*)$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Part:
    """A package we use or carry; `licence` is its SPDX expression where it names one, else its own words."""

    name: str
    version: str
    licence: str
    ecosystem: str

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:{self.ecosystem}/{self.name.replace('@', '%40')}@{self.version}"


def installed() -> list[Part]:
    """Every package the program needs to run, the needs of its needs included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, Part] = {}
    waiting = [Requirement(text) for text in project["dependencies"]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen or (wanted.marker and not wanted.marker.evaluate()):
            continue
        seen.add(key)
        try:
            meta = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        found[key[0]] = Part(key[0], meta.version, _licence(meta), "pypi")
        waiting += _needs(meta, wanted.extras)
    return sorted(found.values())


def _needs(meta: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in meta.requires or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            need.marker = None
            yield need


def _licence(meta: Distribution) -> str:
    told = meta.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classified = [
        c.rpartition(" :: ")[2] for c in told.get_all("Classifier") or () if c.startswith("License ::")
    ]
    first = (told.get("License") or "").strip().split("\n")[0]
    return first if 0 < len(first) <= 40 else "; ".join(classified) or "see its own files"


def vendored() -> list[Part]:
    """What lies in the dashboard's static files; the whole texts are beside them."""
    text = VENDORED.read_text("utf-8")
    return sorted(
        Part(name, version, _kind(text, name), "npm") for name, version, _ in _HEADING.findall(text)
    )


def _kind(text: str, name: str) -> str:
    words = text.partition(f"{name} ")[2].partition("====\n")[2][:400]
    return (
        "0BSD"
        if "Zero-Clause BSD" in words or "BSD Zero" in words
        else "MIT"
        if "MIT" in words or "Permission is hereby" in words
        else "BSD-2-Clause"
    )


def bill() -> dict[str, Any]:
    """A CycloneDX 1.6 bill of materials."""
    parts = [_component(part) for part in (*installed(), *vendored())]
    own = {"type": "application", "name": "roundsman", "version": bot.__version__, "bom-ref": "roundsman",
           "licenses": [{"license": {"id": "MIT"}}]}  # fmt: skip
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": parts,
    }


def _component(part: Part) -> dict[str, Any]:
    return {
        "type": "library", "name": part.name, "version": part.version, "purl": part.purl, "bom-ref": part.purl,
        "licenses": [{"license": {"name": part.licence}}],
    }  # fmt: skip


def notices() -> str:
    """The page of notices; without versions, so that it changes only when what we use does."""
    lines = [
        "# Third parties",
        "",
        "Written by `make sbom`; versions are in the bill of materials it makes (`dist/sbom.cdx.json`, CycloneDX).",
        "",
        "## Carried in the package",
        "",
        "Parts of these are served by the dashboard; their licences lie beside them in `bot/web/static/vendor/LICENSES`.",
        "",
        "| part | licence |",
        "| --- | --- |",
        *(f"| {part.name} | {part.licence} |" for part in vendored()),
        "",
        "Used by tests alone, with their licences beside them: GitHub's OpenAPI description and webhook examples of Octokit (MIT), in `tests/assets`.",
        "",
        "## Installed beside it",
        "",
        "| package | licence, as it says itself |",
        "| --- | --- |",
        *(f"| {part.name} | {part.licence} |" for part in installed()),
        "",
        "The agents' programs (Claude Code, Codex, Gemini CLI, OpenCode) are installed by whoever runs the service, under their own terms.",
    ]
    return "\n".join([*lines, ""])
