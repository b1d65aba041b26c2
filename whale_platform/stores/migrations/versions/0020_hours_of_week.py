"""Thresholds by hour of the week: a threshold may have an amount of its own for each of its 168 hours.

A row from before has none, and nothing changes for it. The history's trigger keeps them, and a change of them alone is
dated as one of the threshold is. Where the large or giant amount is set, no hour's amount may be above it.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision, down_revision = "0020", "0019"

TABLES = """
ALTER TABLE whale_thresholds ADD COLUMN hours_usd numeric[] CHECK (cardinality(hours_usd) = 168
    AND 0 < ALL (hours_usd) AND 'Infinity' > ALL (hours_usd)
    AND coalesce(large_usd, giant_usd, 'Infinity') >= ALL (hours_usd));
ALTER TABLE whale_threshold_history ADD COLUMN hours_usd numeric[];

CREATE OR REPLACE FUNCTION keep_whale_threshold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    given timestamptz := nullif(current_setting('whale.valid_from', true), '');
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        NEW.valid_from := coalesce(given, now());
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM whale_threshold_history
        WHERE (exchange, symbol) = (OLD.exchange, OLD.symbol) AND valid_from >= coalesce(given, now());
        INSERT INTO whale_threshold_history (exchange, symbol, valid_from)
        VALUES (OLD.exchange, OLD.symbol, coalesce(given, now()));
        RETURN NULL;
    END IF;
    DELETE FROM whale_threshold_history
    WHERE (exchange, symbol) = (NEW.exchange, NEW.symbol) AND valid_from >= NEW.valid_from;
    INSERT INTO whale_threshold_history (exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd, hours_usd)
    VALUES (NEW.exchange, NEW.symbol, NEW.valid_from, NEW.threshold_usd, NEW.large_usd, NEW.giant_usd, NEW.hours_usd);
    RETURN NULL;
END $$;
DROP TRIGGER whale_threshold_dated ON whale_thresholds;
CREATE TRIGGER whale_threshold_dated BEFORE UPDATE ON whale_thresholds FOR EACH ROW
WHEN ((NEW.threshold_usd, NEW.large_usd, NEW.giant_usd, NEW.hours_usd) IS DISTINCT FROM
    (OLD.threshold_usd, OLD.large_usd, OLD.giant_usd, OLD.hours_usd) AND NEW.valid_from = OLD.valid_from)
EXECUTE FUNCTION keep_whale_threshold();
"""

COMMENTS = {
    "COLUMN whale_thresholds.threshold_usd": "US dollars from which an order is a whale, in every hour of the week "
    "that has no amount of its own in hours_usd",
    "COLUMN whale_thresholds.hours_usd": "US dollars from which an order is a whale in each hour of the week, UTC, "
    "from Monday 00:00 on; null: threshold_usd",
    "COLUMN whale_threshold_history.hours_usd": "as in whale_thresholds",
    "COLUMN threshold_suggestions.choices": "amounts for other numbers of alerts a day, as by_hour those of "
    "hours_of_week together with the least of them, and as per_day null the threshold that held: each with its alerts "
    "of every day, oldest first, null where there were too many to count",
}


def upgrade() -> None:
    """Add the columns, and keep them in the history."""
    op.execute(TABLES)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")
