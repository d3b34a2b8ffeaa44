"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anchors",
        sa.Column("id", sa.Text(), nullable=False, comment="an id that was published: it stays"),
        sa.Column("kind", sa.Text(), nullable=False, comment="initiative or change"),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("capture", sa.Text(), nullable=False, comment="the observation it is bound to"),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column(
            "content", sa.Text(), server_default="", nullable=False, comment="a change's meaning"
        ),
        sa.Column("before", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anchors")),
        comment="every id ever published, bound to an observation",
    )
    op.create_index("ix_anchors_page_kind", "anchors", ["page", "kind"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False, comment="sent, again, dead"),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_attempts")),
        comment="each try to deliver",
    )
    op.create_index(op.f("ix_attempts_delivery"), "attempts", ["delivery"], unique=False)
    op.create_table(
        "bodies",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256, decoded"),
        sa.Column(
            "page", sa.Text(), nullable=False, comment="pages.key of the page it was first seen on"
        ),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes when unpacked"),
        sa.Column(
            "key",
            sa.Integer(),
            nullable=True,
            comment="bodies.id of its key frame; null: it is one",
        ),
        sa.Column(
            "spent", sa.Integer(), nullable=False, comment="bytes of deltas since the key frame"
        ),
        sa.Column(
            "data",
            sa.LargeBinary(),
            nullable=True,
            comment="zstd; null: erased by a recorded decision",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bodies")),
        sa.UniqueConstraint("hash", name=op.f("uq_bodies_hash")),
        comment="exact bytes by hash, compressed against a key frame, never against a delta",
    )
    op.create_index("ix_bodies_page_id", "bodies", ["page", "id"], unique=False)
    op.create_table(
        "capture_packs",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column(
            "data", sa.LargeBinary(), nullable=False, comment="the rows by column; see packing"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_capture_packs")),
        comment="a month's captures of a page, packed without loss",
    )
    op.create_index(
        "ix_capture_packs_page_last", "capture_packs", ["page", "last_at"], unique=False
    )
    op.create_table(
        "captures",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False, comment="pages.key"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("came", sa.Text(), nullable=False, comment="body, again (304) or failure"),
        sa.Column(
            "body",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="its hash; on a 304 that of what it repeats",
        ),
        sa.Column("failure", sa.Text(), nullable=True, comment="stable code"),
        sa.Column("failure_text", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("final_url", sa.Text(), nullable=True),
        sa.Column(
            "exchange",
            sa.LargeBinary(),
            nullable=True,
            comment="every hop as received: zstd of JSON, see facts",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="look, file, warc, memento"),
        sa.CheckConstraint("came IN ('body', 'again', 'failure')", name=op.f("ck_captures_came")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        comment="one look at a page each, until packed",
    )
    op.create_index("ix_captures_page_at", "captures", ["page", "at"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("track", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("old_text", sa.Text(), nullable=True),
        sa.Column("new_text", sa.Text(), nullable=True),
        sa.Column("old_version", sa.Integer(), nullable=True),
        sa.Column("new_version", sa.Integer(), nullable=True),
        sa.Column("old_status", sa.Text(), nullable=True),
        sa.Column("new_status", sa.Text(), nullable=True),
        sa.Column("certainty", sa.Float(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("old_capture", sa.Text(), nullable=True),
        sa.Column("old_ordinal", sa.Integer(), nullable=True),
        sa.Column("new_capture", sa.Text(), nullable=True),
        sa.Column("new_ordinal", sa.Integer(), nullable=True),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("old_snapshot", sa.Integer(), nullable=False),
        sa.Column("new_snapshot", sa.Integer(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False, comment="its place within its snapshot"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        comment="what happened between two snapshots",
    )
    op.create_index("ix_changes_page_before", "changes", ["page", "before"], unique=False)
    op.create_index(op.f("ix_changes_track"), "changes", ["track"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="the last look folded"),
        sa.Column("capture", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="the current snapshot; 0: none"),
        sa.Column("last_good", sa.BigInteger(), nullable=True),
        sa.Column(
            "body",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="the hash of the last whole body",
        ),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column(
            "stale", sa.Boolean(), nullable=False, comment="what lies before it changed: begin anew"
        ),
        sa.Column(
            "state", sa.LargeBinary(), nullable=False, comment="the rest of State: zstd JSON"
        ),
        sa.PrimaryKeyConstraint("page", name=op.f("pk_cursors")),
        comment="how far the fold has come on each page",
    )
    op.create_table(
        "decisions",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="accept reject same different undo …"),
        sa.Column("page", sa.Text(), nullable=True),
        sa.Column("capture", sa.Text(), nullable=True, comment="accept, reject"),
        sa.Column(
            "left_capture",
            sa.Text(),
            nullable=True,
            comment="same, different: the first observation",
        ),
        sa.Column("left_ordinal", sa.Integer(), nullable=True),
        sa.Column("right_capture", sa.Text(), nullable=True),
        sa.Column("right_ordinal", sa.Integer(), nullable=True),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decisions")),
        comment="what a person settled",
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False, comment="the idempotency key over every retry"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "address", sa.Text(), nullable=False, comment="never a secret: see subscriptions"
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "trying_since",
            sa.BigInteger(),
            nullable=True,
            comment="the first try; dead outbox.LONGEST after it",
        ),
        sa.Column("next_attempt", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_by", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'dead')", name=op.f("ck_deliveries_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        comment="one message to one address",
    )
    op.create_index(op.f("ix_deliveries_message"), "deliveries", ["message"], unique=False)
    op.create_index(
        "ix_deliveries_state_next", "deliveries", ["state", "next_attempt"], unique=False
    )
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_by", sa.Text(), nullable=True),
        sa.Column("free_at", sa.BigInteger(), nullable=True, comment="no request before this"),
        sa.Column("robots_at", sa.BigInteger(), nullable=True),
        sa.Column("robots_status", sa.Integer(), nullable=True),
        sa.Column("robots_text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_hosts")),
        comment="politeness: one request at a time, a pause between, robots",
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="page:omsorg, channel:email, store, …"
        ),
        sa.Column("cause", sa.Text(), nullable=False, comment="stable code"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mend", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "opened_at",
            sa.BigInteger(),
            nullable=True,
            comment="told from now on; null: not yet trouble enough",
        ),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        comment="one trouble with one cause, from when it opens to when it ends",
    )
    op.create_index(
        "ix_incidents_subject_ended", "incidents", ["subject", "ended_at"], unique=False
    )
    op.create_table(
        "item_versions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False, comment="says nothing"),
        sa.Column(
            "key",
            sa.BigInteger(),
            nullable=False,
            comment="63 bits of the hash of title, description and links",
        ),
        sa.Column("title_key", sa.Text(), nullable=False, comment="finds it by any title"),
        sa.Column("content", sa.Text(), nullable=False, comment="lives.content_key: joins pages"),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False, comment="[[text, href, external], …]"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_versions")),
        sa.UniqueConstraint("key", name=op.f("uq_item_versions_key")),
        comment="an initiative's words, kept once over time and pages",
    )
    op.create_index(
        op.f("ix_item_versions_title_key"), "item_versions", ["title_key"], unique=False
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="worker"),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "ledger",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False, comment="the fact's id"),
        sa.Column(
            "salt",
            sa.LargeBinary(length=16),
            nullable=True,
            comment="of the commitment; null: erased with its fact",
        ),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False, comment="RFC 9162 leaf hash"),
        sa.Column(
            "chain",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256(previous chain, leaf)",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
        comment="append-only, hash-linked; a leaf commits to a fact with its salt",
    )
    op.create_index("ix_ledger_ref", "ledger", ["ref"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="digest, welcome, quiet, incident, …"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False, comment="a frozen copy of everything told"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        comment="what was told, whole",
    )
    op.create_table(
        "pages",
        sa.Column("key", sa.Text(), nullable=False, comment="the first id; goes into other ids"),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column(
            "group", sa.Text(), nullable=False, comment="host and profile: lives are joined in it"
        ),
        sa.Column("timetable", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "retired_at", sa.BigInteger(), nullable=True, comment="no longer in the configuration"
        ),
        sa.Column("due_at", sa.BigInteger(), nullable=True, comment="when to look next"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column(
            "validated_url", sa.Text(), nullable=True, comment="the address that these two hold for"
        ),
        sa.Column(
            "validated",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="the body that these two validate",
        ),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column(
            "fence", sa.Integer(), nullable=False, comment="raised by each write that decides"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pages")),
        sa.UniqueConstraint("id", name=op.f("uq_pages_id")),
        comment="the watched pages as the configuration last said",
    )
    op.create_index("ix_pages_due_at", "pages", ["due_at"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("capture", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.BigInteger(), nullable=False, comment="the first good look that showed it"
        ),
        sa.Column(
            "after",
            sa.BigInteger(),
            nullable=True,
            comment="the last good look that showed the one before",
        ),
        sa.Column(
            "words",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="title, intro, headings; null: as before",
        ),
        sa.PrimaryKeyConstraint("page", "number", name=op.f("pk_snapshots")),
        comment="the accepted initiatives of a page as of a capture",
    )
    op.create_index("ix_snapshots_page_at", "snapshots", ["page", "at"], unique=False)
    op.create_table(
        "spans",
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("first_snapshot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "end_snapshot",
            sa.Integer(),
            nullable=True,
            comment="the first without it; null: it still stands",
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="sorts a snapshot; has gaps"
        ),
        sa.PrimaryKeyConstraint("page", "track", "first_snapshot", name=op.f("pk_spans")),
        comment="which version of which track stood where, from snapshot to snapshot (half-open)",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spans_page_end", "spans", ["page", "end_snapshot"], unique=False)
    op.create_index("ix_spans_version", "spans", ["version"], unique=False)
    op.create_table(
        "subscribers",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "since", sa.BigInteger(), nullable=False, comment="starts with what changes after this"
        ),
        sa.Column("welcomed", sa.Boolean(), nullable=False),
        sa.Column(
            "ended_at",
            sa.BigInteger(),
            nullable=True,
            comment="left the configuration, forgotten, or answered 410",
        ),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.Column("last_digest_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subscription", "address", name=op.f("pk_subscribers")),
        comment="who has been added when",
    )
    op.create_table(
        "technical",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Text(), nullable=True),
        sa.Column(
            "code", sa.Text(), nullable=False, comment="reader, shape, address, rebuild, new_store"
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_technical")),
        comment="what changed in us or in the page's markup; told to operators at most",
    )
    op.create_table(
        "tellings",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False, comment="change id"),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="look, late, correction, replay"),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="what changed there: nets and settles by"
        ),
        sa.Column(
            "payload", sa.JSON(), nullable=False, comment="the change's contract JSON, frozen"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "ready_at",
            sa.BigInteger(),
            nullable=False,
            comment="it has settled; no digest before this",
        ),
        sa.Column(
            "held_until",
            sa.BigInteger(),
            nullable=True,
            comment="waits for sibling pages at most until then",
        ),
        sa.Column(
            "message", sa.Text(), nullable=True, comment="the message that claimed it; null: waits"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tellings")),
        sa.UniqueConstraint("subscription", "change", "cause", name="uq_tellings_once"),
        comment="what is to be told to whom: frozen copies, claimed by digests one by one",
    )
    op.create_index("ix_tellings_waiting", "tellings", ["subscription", "message"], unique=False)
    op.create_table(
        "tracks",
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("life", sa.Text(), nullable=False, comment="the initiative's id"),
        sa.Column(
            "seen", sa.JSON(), nullable=False, comment="[[capture, ordinal, microseconds], …]"
        ),
        sa.PrimaryKeyConstraint("track", name=op.f("pk_tracks")),
        comment="one initiative on one page",
    )
    op.create_index(op.f("ix_tracks_life"), "tracks", ["life"], unique=False)
    op.create_index(op.f("ix_tracks_page"), "tracks", ["page"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("capture", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column(
            "outcome", sa.Text(), nullable=False, comment="first changed quarantined rejected"
        ),
        sa.Column(
            "body",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="what was read; seen again, it is the same",
        ),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False, comment="a quarantine that has ended"),
        sa.PrimaryKeyConstraint("capture", name=op.f("pk_verdicts")),
        comment="what each look came to, where it was not plainly unchanged or failed",
    )
    op.create_index("ix_verdicts_page_at", "verdicts", ["page", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("verdicts")
    op.drop_table("tracks")
    op.drop_table("tellings")
    op.drop_table("technical")
    op.drop_table("subscribers")
    op.drop_table("spans")
    op.drop_table("snapshots")
    op.drop_table("pages")
    op.drop_table("messages")
    op.drop_table("ledger")
    op.drop_table("leases")
    op.drop_table("item_versions")
    op.drop_table("incidents")
    op.drop_table("hosts")
    op.drop_table("deliveries")
    op.drop_table("decisions")
    op.drop_table("cursors")
    op.drop_table("changes")
    op.drop_table("captures")
    op.drop_table("capture_packs")
    op.drop_table("bodies")
    op.drop_table("attempts")
    op.drop_table("anchors")
