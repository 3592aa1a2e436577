"""Keys of the service, and which credential each question came with"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=12), nullable=False, comment="stands in the key, and is no secret"),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column(
            "secret",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of it: 256 random bits, which nobody guesses",
        ),
        sa.Column("principals", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True, comment="from then on it opens nothing; may lie ahead"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    in_force = sa.text("revoked_at IS NULL")
    op.create_index(
        op.f("ix_api_keys_name"), "api_keys", ["name"], unique=True, sqlite_where=in_force, postgresql_where=in_force
    )
    op.add_column(
        "interactions",
        sa.Column(
            "asked_with",
            sa.String(length=32),
            nullable=True,
            comment="digest of the credential; feedback with another one is refused",
        ),
    )
