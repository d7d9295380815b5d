"""The index knows which lists it holds.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index is built anew in one fire: what was kept of it is let go."""
    op.execute("DELETE FROM indexed_items")
    op.drop_table("index_state")
    op.create_table(
        "index_state",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("begun_at", Instant(timezone=True), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("repository_id"),
    )
    op.create_index("ix_index_state_begun_at", "index_state", ["begun_at"])


def downgrade() -> None:
    """Back to the first shape, empty."""
    op.execute("DELETE FROM indexed_items")
    op.drop_table("index_state")
    op.create_table(
        "index_state",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=True),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("etag_for", sa.String(), nullable=True),
        sa.Column("synced_at", Instant(timezone=True), nullable=True),
        sa.Column("full_at", Instant(timezone=True), nullable=True),
        sa.Column("pushed_at", Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("repository_id"),
    )
