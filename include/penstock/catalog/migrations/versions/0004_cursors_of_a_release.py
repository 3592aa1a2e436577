"""Cursors of a release: where the next reading of each source may begin"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "releases",
        sa.Column(
            "cursors",
            sa.JSON(),
            nullable=False,
            server_default="{}",
            comment="by source: where its next reading may begin",
        ),
    )
