"""Days of trade_windows by functions of the owner, so that who writes rows may not alter or drop tables.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision, down_revision = "0005", "0004"

# A table is made beside the parent and then attached, because `CREATE TABLE … PARTITION OF` would lock out every reader
# of the parent. A window's row is rewritten for each trade: room on its page (fillfactor) keeps that off the indexes.
# Makers of partitions take turns (the lock is "whlp").
_FUNCTIONS = """
CREATE FUNCTION make_trade_windows_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE child text := 'trade_windows_' || to_char(day, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(2003332208);
    IF to_regclass('public.' || child) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE trade_windows INCLUDING ALL) WITH (fillfactor = 70)', child);
    EXECUTE format('ALTER TABLE trade_windows ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        child, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    RETURN true;
END $$;

CREATE FUNCTION drop_trade_windows_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', 'trade_windows_' || to_char(day, 'YYYYMMDD'));
END $$;

REVOKE ALL ON FUNCTION make_trade_windows_day(date), drop_trade_windows_day(date) FROM PUBLIC;
"""


def upgrade() -> None:
    """Create the functions."""
    op.execute(_FUNCTIONS)
