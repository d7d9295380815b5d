"""Alembic's door: our tables only, never the engine's."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import tables  # noqa: F401

OURS = frozenset(SQLModel.metadata.tables)


def _ours(obj: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:  # noqa: ARG001
    return not (kind == "table" and reflected and name not in OURS)


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    include_object=_ours,
    render_as_batch=True,
    version_table="roundsman_version",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
