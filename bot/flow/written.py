"""Jobs as `roundsman.yml`: what the form shows to copy, and what an export holds."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def as_yaml(jobs: Mapping[str, Mapping[str, Any]]) -> str:
    """Write specs (JSON, as people wrote them) as a file that reads back to the same jobs."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # in flow style ruamel writes a lone `?` that no parser reads back
    yaml.allow_unicode = True
    yaml.width = 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = StringIO()
    yaml.dump({"version": 1, "jobs": {name: _plain(spec) for name, spec in jobs.items()}}, text)
    return text.getvalue()


def _plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A list of one trigger reads better without the list; a key without a value is left out."""
    told = {key: value for key, value in spec.items() if value is not None}
    triggers = told.get("on")
    if isinstance(triggers, list) and len(triggers) == 1:
        told["on"] = triggers[0]
    return {key: _without_nulls(value) for key, value in told.items()}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list | tuple) else value
