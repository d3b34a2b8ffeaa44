"""What waits to be told, and what was told to whom of a kind, without reading all that ever was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNCLAIMED = sa.text("message IS NULL")


def upgrade() -> None:
    op.create_index("ix_messages_kind", "messages", ["kind", "subscription", "created_at"])
    op.drop_index("ix_tellings_waiting", "tellings")
    op.create_index(
        "ix_tellings_waiting",
        "tellings",
        ["subscription"],
        sqlite_where=_UNCLAIMED,
        postgresql_where=_UNCLAIMED,
    )


def downgrade() -> None:
    op.drop_index("ix_tellings_waiting", "tellings")
    op.create_index("ix_tellings_waiting", "tellings", ["subscription", "message"])
    op.drop_index("ix_messages_kind", "messages")
