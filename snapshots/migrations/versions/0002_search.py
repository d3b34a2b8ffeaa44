"""Search over every version: FTS5 in SQLite (where it is built in), a GIN index in PostgreSQL."""

from __future__ import annotations

from alembic import op
from sqlalchemy.exc import OperationalError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQLITE = (
    """
    CREATE VIRTUAL TABLE item_search USING fts5(
        title, description, content='item_versions', content_rowid='id',
        tokenize='unicode61 remove_diacritics 0', detail='none'
    )
    """,
    """
    CREATE TRIGGER item_search_came AFTER INSERT ON item_versions BEGIN
        INSERT INTO item_search (rowid, title, description)
        VALUES (new.id, new.title, new.description);
    END
    """,
    """
    CREATE TRIGGER item_search_left AFTER DELETE ON item_versions BEGIN
        INSERT INTO item_search (item_search, rowid, title, description)
        VALUES ('delete', old.id, old.title, old.description);
    END
    """,
    "INSERT INTO item_search (item_search) VALUES ('rebuild')",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE INDEX ix_item_versions_search ON item_versions USING gin"
            " (to_tsvector('swedish', title || ' ' || description))"
        )
        return
    try:
        for statement in _SQLITE:
            op.execute(statement)
    except OperationalError as error:
        if "no such module: fts5" not in str(error):
            raise


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_item_versions_search")
        return
    op.execute("DROP TRIGGER IF EXISTS item_search_came")
    op.execute("DROP TRIGGER IF EXISTS item_search_left")
    op.execute("DROP TABLE IF EXISTS item_search")
