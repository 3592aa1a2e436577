"""What made a vector: the run, and the library and precision that it was embedded with"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "packs",
        sa.Column("name", sa.String(length=64), nullable=False, comment="lake object, named by its SHA-256"),
        sa.Column("run_id", sa.Integer(), nullable=False, comment="the run that embedded it"),
        sa.Column(
            "runtime", sa.JSON(), nullable=False, comment="library, precision and threads that it was embedded with"
        ),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_packs")),
    )
