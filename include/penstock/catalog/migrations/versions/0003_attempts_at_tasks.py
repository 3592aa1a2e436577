"""Attempts at a run's tasks: of two attempts at one task, one of which only slept, the later alone may write"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False, comment="step of the line, and its batch"),
        sa.Column("number", sa.Integer(), nullable=False, comment="of the newest attempt, the one that may write"),
        sa.Column("ended", sa.Boolean(), nullable=False, comment="its process is known to write nothing more"),
        sa.PrimaryKeyConstraint("run_id", "task", name=op.f("pk_attempts")),
    )
