"""Which subjects' deliveries are being worked on, without looking through those that wait"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

HELD = sa.text('handled_at IS NULL AND executor IS NOT NULL')


def upgrade() -> None:
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index('ix_deliveries_held', ['executor', 'subject'], unique=False, sqlite_where=HELD, postgresql_where=HELD)


def downgrade() -> None:
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index('ix_deliveries_held', sqlite_where=HELD, postgresql_where=HELD)
