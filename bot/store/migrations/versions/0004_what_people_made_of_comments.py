"""What people made of our comments: their reactions, and whether the comment still stands.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Room for what is looked up now and then."""
    op.create_table(
        "reactions",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("comment_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("looked_at", Instant(timezone=True), nullable=False),
        sa.Column("approving", sa.Integer(), nullable=False),
        sa.Column("disapproving", sa.Integer(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id", "comment_id"),
    )
    op.create_index("ix_reactions_at", "reactions", ["at"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("reactions")
