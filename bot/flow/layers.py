"""Defaults in layers: the organisation's below the file's, below the job's."""

from bot.flow.tree import Mapping, Scalar

_DEEP = ("agent", "limits", "budget", "variables")
_ENGINES_OWN = ("model", "permission_mode", "allowed_tools")


def merge(below: Mapping, above: Mapping) -> Mapping:
    """Lay one layer over another: `agent`, `limits`, `budget` and `variables` key by key, all else whole.

    An agent that names another engine leaves behind the model, permissions and tools meant for the one below.
    """
    entries = dict(below.entries)
    for key, (place, value) in above.entries.items():
        under = entries[key][1] if key in entries else None
        if key in _DEEP and isinstance(under, Mapping) and isinstance(value, Mapping):
            if key == "agent" and _engine(value) not in (None, _engine(under)):
                under = under.without(*_ENGINES_OWN)
            value = merge(under, value)
        entries[key] = (place, value)
    return Mapping(entries, above.place)


def _engine(agent: Mapping) -> object:
    node = agent.get("engine")
    return node.value if isinstance(node, Scalar) else None
