"""The first schema: what came in, what it means, what has to be sent, what happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Compared byte by byte: a locale's order changes with the operating system, and an index over it breaks.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make it."""
    _inbox_and_journal()
    _incidents()
    _outbox_and_timers()
    _people_say()
    _access()
    _tenants()


def _inbox_and_journal() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("integration", _TEXT, nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal",
        sa.Column("seq", _ID, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("incident_id", sa.BigInteger),
        sa.Column("inbox_id", sa.BigInteger),
        sa.Column("data", _TEXT, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_incident", "journal", ["incident_id", "seq"])


def _incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("group_key", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("title", _TEXT, nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("labels", _TEXT, nullable=False),
        sa.Column("acked_ms", sa.BigInteger),
        sa.Column("acked_by", _TEXT),
        sa.Column("resolved_ms", sa.BigInteger),
        # Where it stands on its ladder: steps done, times all of it was repeated, messages told so far.
        sa.Column("ladder", _TEXT, nullable=False, server_default=""),
        sa.Column("step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("round", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("told", sa.BigInteger, nullable=False, server_default="0"),
        # Why it is not paged: a silence, a storm that speaks for it, flapping.
        sa.Column("silence_id", sa.BigInteger),
        sa.Column("storm_id", sa.BigInteger),
        sa.Column("flapping", sa.BigInteger, nullable=False, server_default="0"),
        # Since when the board sounds.
        sa.Column("loud_ms", sa.BigInteger),
        sa.Column("truncated", sa.BigInteger, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    _incident_indexes()
    _alerts()


def _incident_indexes() -> None:
    op.create_index("incident_tenant", "incident", ["tenant", "opened_ms"])
    op.create_index(
        "incident_storm",
        "incident",
        ["storm_id", "state"],
        sqlite_where=sa.text("storm_id IS NOT NULL"),
        postgresql_where=sa.text("storm_id IS NOT NULL"),
    )
    # An index in an order other than that of the ids costs each new incident a page of its own. So what is asked about the past is
    # entered when it is past, and what is counted every few seconds is in the order of the ids.
    ended = sa.text("state = 'resolved'")
    op.create_index(
        "incident_ended",
        "incident",
        ["tenant", "group_key", "opened_ms"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.create_index("incident_old", "incident", ["resolved_ms"], sqlite_where=ended, postgresql_where=ended)
    there = sa.text("state <> 'resolved'")
    op.create_index("incident_now", "incident", ["severity", "state"], sqlite_where=there, postgresql_where=there)
    # Not `group_key = 'storm'`: SQLite would prepare every `group_key = ?` anew with each value, to see whether it is this one.
    storms = sa.text("group_key BETWEEN 'storm' AND 'storm' AND state <> 'resolved'")
    op.create_index("incident_storms", "incident", ["group_key"], sqlite_where=storms, postgresql_where=storms)
    op.create_index(
        "incident_open",
        "incident",
        ["tenant", "group_key"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("fingerprint", _TEXT, nullable=False),
        sa.Column("incident_id", sa.BigInteger, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("labels", _TEXT, nullable=False),
        sa.Column("annotations", _TEXT, nullable=False),
        sa.Column("links", _TEXT, nullable=False),
        sa.Column("starts_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("copies", sa.BigInteger, nullable=False),
        # It was said again to fire, since this time, after it had ended: overtaken, or never over.
        sa.Column("stale_ms", sa.BigInteger),
        sa.Column("stale_by", _TEXT),
    )
    op.create_index("alert_fingerprint", "alert", ["tenant", "fingerprint", "id"])
    op.create_index("alert_incident", "alert", ["incident_id"])


def _outbox_and_timers() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _ID, primary_key=True),
        # The message's key and the part's number: the same for ever, so that writing it twice is refused.
        sa.Column("message", _TEXT, nullable=False),
        sa.Column("part", sa.BigInteger, nullable=False),
        sa.Column("incident_id", sa.BigInteger),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("critical", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("reminder", sa.BigInteger, nullable=False),
        sa.Column("person", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("address", _TEXT, nullable=False),
        sa.Column("title", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        # due, sending (due_ms is then the end of the lease), and for ever: sent, failed, dropped, digested.
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("spilled", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("provider_id", _TEXT, nullable=False),
        sa.Column("handle", _TEXT, nullable=False),
        sa.Column("receipt", _TEXT, nullable=False),
        sa.Column("receipt_ms", sa.BigInteger),
        sa.Column("answer", _TEXT, nullable=False),
        sa.UniqueConstraint("message", "part", name="outbox_message"),
        sqlite_autoincrement=True,
    )
    waiting = sa.text("state IN ('due', 'sending')")
    op.create_index("outbox_due", "outbox", ["channel", "due_ms"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("outbox_incident", "outbox", ["incident_id"])
    known = sa.text("provider_id <> ''")
    op.create_index("outbox_provider", "outbox", ["channel", "provider_id"], sqlite_where=known, postgresql_where=known)
    op.create_table(
        "timer",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("ref", _TEXT, primary_key=True),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("timer_due", "timer", ["due_ms"])
    op.create_table(
        "budget",
        sa.Column("bucket", _TEXT, primary_key=True),
        sa.Column("slot_ms", sa.BigInteger, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("budget_until", "budget", ["until_ms"])


def _people_say() -> None:
    op.create_table(
        "silence",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("matchers", _TEXT, nullable=False),
        sa.Column("starts_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
        sa.Column("author", _TEXT, nullable=False),
        sa.Column("comment", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("silence_ends", "silence", ["ends_ms"])
    op.create_table(
        "override",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("schedule", _TEXT, nullable=False),
        sa.Column("person", _TEXT, nullable=False),
        sa.Column("starts_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
        sa.Column("author", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("override_ends", "override", ["schedule", "ends_ms"])
    op.create_table(
        "heartbeat",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("seen_ms", sa.BigInteger),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
    )
    # Callbacks, idempotency keys: what was answered already.
    op.create_table(
        "seen",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("answer", _TEXT, nullable=False),
    )
    op.create_index("seen_at", "seen", ["at_ms"])
    op.create_table(
        "fact",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("value", _TEXT, nullable=False),
    )


def _access() -> None:
    op.create_table(
        "token",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("tenant", _TEXT, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("comment", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger),
    )
    op.create_table(
        "account",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("password", _TEXT, nullable=False),
        sa.Column("totp", _TEXT, nullable=False),
        sa.Column("totp_used", sa.BigInteger, nullable=False),
        sa.Column("language", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("account", _TEXT, sa.ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
        sa.Column("csrf", _TEXT, nullable=False),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
    )


def _tenants() -> None:
    op.create_table(
        "receiver",
        sa.Column("tenant", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("config", _TEXT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "own_route",
        sa.Column("tenant", _TEXT, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True),
        sa.Column("matchers", _TEXT, nullable=False),
        sa.Column("receivers", _TEXT, nullable=False),
    )
