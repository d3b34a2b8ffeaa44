"""Every table, in three kinds; `KIND_OF` says which is which, and a test holds it complete.

- **Facts** are only ever inserted. They are what we can prove.
- **Derived** = f(facts, reader). Dropping them and running `rebuild` gives them back, byte for
  byte.
- **Work** is mutable: what is due, leases, what waits to be told.

Times are UTC, stored as whole microseconds since 1970 (`Moment`), so that both databases sort and
compare them alike. Ids are short texts made from what they name (`monitor.model.short_id`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# ----------------------------------------------------------------------------------------- facts

bodies = sa.Table(
    "bodies",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True, comment="SHA-256, decoded"),
    sa.Column(
        "page", sa.Text, nullable=False, comment="pages.key of the page it was first seen on"
    ),
    sa.Column("size", sa.Integer, nullable=False, comment="bytes when unpacked"),
    sa.Column("key", sa.Integer, comment="bodies.id of its key frame; null: it is one"),
    sa.Column("spent", sa.Integer, nullable=False, comment="bytes of deltas since the key frame"),
    sa.Column("data", sa.LargeBinary, comment="zstd; null: erased by a recorded decision"),
    sa.Index("ix_bodies_page_id", "page", "id"),
    comment="exact bytes by hash, compressed against a key frame, never against a delta",
)

captures = sa.Table(
    "captures",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("page", sa.Text, nullable=False, comment="pages.key"),
    sa.Column("at", Moment, nullable=False),
    sa.Column("came", sa.Text, nullable=False, comment="body, again (304) or failure"),
    sa.Column("body", sa.LargeBinary(32), comment="its hash; on a 304 that of what it repeats"),
    sa.Column("failure", sa.Text, comment="stable code"),
    sa.Column("failure_text", sa.Text),
    sa.Column("failure_detail", sa.Text),
    sa.Column("content_type", sa.Text),
    sa.Column("final_url", sa.Text),
    sa.Column("exchange", sa.LargeBinary, comment="every hop as received: zstd of JSON, see facts"),
    sa.Column("source", sa.Text, nullable=False, comment="look, file, warc, memento"),
    sa.CheckConstraint("came IN ('body', 'again', 'failure')", name="came"),
    sa.Index("ix_captures_page_at", "page", "at"),
    comment="one look at a page each, until packed",
)

capture_packs = sa.Table(
    "capture_packs",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("first_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="the rows by column; see packing"),
    sa.Index("ix_capture_packs_page_last", "page", "last_at"),
    comment="a month's captures of a page, packed without loss",
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False, comment="accept reject same different undo …"),
    sa.Column("page", sa.Text),
    sa.Column("capture", sa.Text, comment="accept, reject"),
    sa.Column("left_capture", sa.Text, comment="same, different: the first observation"),
    sa.Column("left_ordinal", sa.Integer),
    sa.Column("right_capture", sa.Text),
    sa.Column("right_ordinal", sa.Integer),
    sa.Column("undoes", sa.Integer),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    comment="what a person settled",
)

anchors = sa.Table(
    "anchors",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="an id that was published: it stays"),
    sa.Column("kind", sa.Text, nullable=False, comment="initiative or change"),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("capture", sa.Text, nullable=False, comment="the observation it is bound to"),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False, server_default="", comment="a change's meaning"),
    sa.Column("before", Moment),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_anchors_page_kind", "page", "kind"),
    comment="every id ever published, bound to an observation",
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subscription", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="digest, welcome, quiet, incident, …"),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False, comment="a frozen copy of everything told"),
    sa.Index("ix_messages_kind", "kind", "subscription", "created_at"),
    comment="what was told, whole",
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("delivery", sa.Text, nullable=False, index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("result", sa.Text, nullable=False, comment="sent, again, dead"),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    comment="each try to deliver",
)

technical = sa.Table(
    "technical",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("page", sa.Text),
    sa.Column(
        "code", sa.Text, nullable=False, comment="reader, shape, address, rebuild, new_store"
    ),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("details", sa.JSON(none_as_null=True)),
    comment="what changed in us or in the page's markup; told to operators at most",
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False, comment="the fact's id"),
    sa.Column("salt", sa.LargeBinary(16), comment="of the commitment; null: erased with its fact"),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False, comment="RFC 9162 leaf hash"),
    sa.Column("chain", sa.LargeBinary(32), nullable=False, comment="SHA-256(previous chain, leaf)"),
    sa.Index("ix_ledger_ref", "ref"),
    comment="append-only, hash-linked; a leaf commits to a fact with its salt",
)

# --------------------------------------------------------------------------------------- derived

item_versions = sa.Table(
    "item_versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True, comment="says nothing"),
    sa.Column(
        "key",
        sa.BigInteger,
        nullable=False,
        unique=True,
        comment="63 bits of the hash of title, description and links",
    ),
    sa.Column("title_key", sa.Text, nullable=False, index=True, comment="finds it by any title"),
    sa.Column("content", sa.Text, nullable=False, comment="lives.content_key: joins pages"),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("links", sa.JSON, nullable=False, comment="[[text, href, external], …]"),
    comment="an initiative's words, kept once over time and pages",
)

tracks = sa.Table(
    "tracks",
    metadata,
    sa.Column("track", sa.Text, primary_key=True),
    sa.Column("page", sa.Text, nullable=False, index=True),
    sa.Column("life", sa.Text, nullable=False, index=True, comment="the initiative's id"),
    sa.Column("seen", sa.JSON, nullable=False, comment="[[capture, ordinal, microseconds], …]"),
    comment="one initiative on one page",
)

spans = sa.Table(
    "spans",
    metadata,
    sa.Column("page", sa.Text, primary_key=True),
    sa.Column("track", sa.Text, primary_key=True),
    sa.Column("first_snapshot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("end_snapshot", sa.Integer, comment="the first without it; null: it still stands"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text),
    sa.Column("heading", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False, comment="sorts a snapshot; has gaps"),
    sa.Index("ix_spans_page_end", "page", "end_snapshot"),
    sa.Index("ix_spans_version", "version"),
    comment="which version of which track stood where, from snapshot to snapshot (half-open)",
    sqlite_with_rowid=False,
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("page", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("capture", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False, comment="the first good look that showed it"),
    sa.Column("after", Moment, comment="the last good look that showed the one before"),
    sa.Column(
        "words", sa.JSON(none_as_null=True), comment="title, intro, headings; null: as before"
    ),
    sa.Index("ix_snapshots_page_at", "page", "at"),
    comment="the accepted initiatives of a page as of a capture",
)

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("track", sa.Text, index=True),
    sa.Column("field", sa.Text),
    sa.Column("old_text", sa.Text),
    sa.Column("new_text", sa.Text),
    sa.Column("old_version", sa.Integer),
    sa.Column("new_version", sa.Integer),
    sa.Column("old_status", sa.Text),
    sa.Column("new_status", sa.Text),
    sa.Column("certainty", sa.Float, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("old_capture", sa.Text),
    sa.Column("old_ordinal", sa.Integer),
    sa.Column("new_capture", sa.Text),
    sa.Column("new_ordinal", sa.Integer),
    sa.Column("after", Moment, nullable=False),
    sa.Column("before", Moment, nullable=False),
    sa.Column("old_snapshot", sa.Integer, nullable=False),
    sa.Column("new_snapshot", sa.Integer, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False, comment="its place within its snapshot"),
    sa.Index("ix_changes_page_before", "page", "before"),
    comment="what happened between two snapshots",
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("capture", sa.Text, primary_key=True),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False, comment="first changed quarantined rejected"),
    sa.Column("body", sa.LargeBinary(32), comment="what was read; seen again, it is the same"),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("released", sa.Boolean, nullable=False, comment="a quarantine that has ended"),
    sa.Index("ix_verdicts_page_at", "page", "at"),
    comment="what each look came to, where it was not plainly unchanged or failed",
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("page", sa.Text, primary_key=True),
    sa.Column("reader", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False, comment="the last look folded"),
    sa.Column("capture", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False, comment="the current snapshot; 0: none"),
    sa.Column("last_good", Moment),
    sa.Column("body", sa.LargeBinary(32), comment="the hash of the last whole body"),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column(
        "stale", sa.Boolean, nullable=False, comment="what lies before it changed: begin anew"
    ),
    sa.Column("state", sa.LargeBinary, nullable=False, comment="the rest of State: zstd JSON"),
    comment="how far the fold has come on each page",
)

# ------------------------------------------------------------------------------------------ work

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="the first id; goes into other ids"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False, comment="host and profile: lives are joined in it"),
    sa.Column("timetable", sa.Text, nullable=False),
    sa.Column("added_at", Moment, nullable=False),
    sa.Column("retired_at", Moment, comment="no longer in the configuration"),
    sa.Column("due_at", Moment, comment="when to look next"),
    sa.Column("failures", sa.Integer, nullable=False, comment="in a row"),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("validated_url", sa.Text, comment="the address that these two hold for"),
    sa.Column("validated", sa.LargeBinary(32), comment="the body that these two validate"),
    sa.Column("moved_to", sa.Text),
    sa.Column("fence", sa.Integer, nullable=False, comment="raised by each write that decides"),
    sa.Index("ix_pages_due_at", "due_at"),
    comment="the watched pages as the configuration last said",
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("lease_until", Moment),
    sa.Column("lease_by", sa.Text),
    sa.Column("free_at", Moment, comment="no request before this"),
    sa.Column("robots_at", Moment),
    sa.Column("robots_status", sa.Integer),
    sa.Column("robots_text", sa.Text),
    comment="politeness: one request at a time, a pause between, robots",
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="worker"),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", Moment, nullable=False),
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("subscription", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False, comment="starts with what changes after this"),
    sa.Column("welcomed", sa.Boolean, nullable=False),
    sa.Column("ended_at", Moment, comment="left the configuration, forgotten, or answered 410"),
    sa.Column("ended_why", sa.Text),
    sa.Column("last_digest_at", Moment),
    comment="who has been added when",
)

tellings = sa.Table(
    "tellings",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("subscription", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False, comment="change id"),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False, comment="look, late, correction, replay"),
    sa.Column(
        "subject", sa.Text, nullable=False, comment="what changed there: nets and settles by"
    ),
    sa.Column("payload", sa.JSON, nullable=False, comment="the change's contract JSON, frozen"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("ready_at", Moment, nullable=False, comment="it has settled; no digest before this"),
    sa.Column("held_until", Moment, comment="waits for sibling pages at most until then"),
    sa.Column("message", sa.Text, comment="the message that claimed it; null: waits"),
    sa.UniqueConstraint("subscription", "change", "cause", name="uq_tellings_once"),
    sa.Index(
        "ix_tellings_waiting",
        "subscription",
        sqlite_where=sa.text("message IS NULL"),
        postgresql_where=sa.text("message IS NULL"),
    ),
    comment="what is to be told to whom: frozen copies, claimed by digests one by one",
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="the idempotency key over every retry"),
    sa.Column("message", sa.Text, nullable=False, index=True),
    sa.Column("subscription", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False, comment="never a secret: see subscriptions"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("trying_since", Moment, comment="the first try; dead outbox.LONGEST after it"),
    sa.Column("next_attempt", Moment),
    sa.Column("lease_until", Moment),
    sa.Column("lease_by", sa.Text),
    sa.Column("sent_at", Moment),
    sa.Column("error", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
    sa.Index("ix_deliveries_state_next", "state", "next_attempt"),
    comment="one message to one address",
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False, comment="page:omsorg, channel:email, store, …"),
    sa.Column("cause", sa.Text, nullable=False, comment="stable code"),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("mend", sa.Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("first_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    sa.Column("opened_at", Moment, comment="told from now on; null: not yet trouble enough"),
    sa.Column("reminded_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Index("ix_incidents_subject_ended", "subject", "ended_at"),
    comment="one trouble with one cause, from when it opens to when it ends",
)

KIND_OF: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "bodies",
            "captures",
            "capture_packs",
            "decisions",
            "anchors",
            "messages",
            "attempts",
            "technical",
            "ledger",
        ),
        "facts",
    ),
    **dict.fromkeys(
        (
            "item_versions",
            "tracks",
            "spans",
            "snapshots",
            "changes",
            "verdicts",
            "cursors",
        ),
        "derived",
    ),
    **dict.fromkeys(
        (
            "pages",
            "hosts",
            "leases",
            "subscribers",
            "tellings",
            "deliveries",
            "incidents",
        ),
        "work",
    ),
}
