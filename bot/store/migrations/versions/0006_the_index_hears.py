"""The index hears: what webhooks told of a repository, and what was known of it when GitHub was last asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("index_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("told", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("doubts", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("checked", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("index_state", schema=None) as batch_op:
        batch_op.drop_column("checked")
        batch_op.drop_column("doubts")
        batch_op.drop_column("told")
