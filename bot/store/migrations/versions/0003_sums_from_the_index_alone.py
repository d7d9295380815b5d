"""Sums from the index alone: what ended, where, how and for how much"""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_index('ix_sessions_ended')
        batch_op.create_index('ix_sessions_ended', ['completed_at', 'repository_id', 'status', 'cost'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_index('ix_sessions_ended')
        batch_op.create_index('ix_sessions_ended', ['completed_at'], unique=False)
