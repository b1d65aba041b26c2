"""Tiers: a threshold has the amounts of large and giant whales too, and each whale says of which tier it is.

An amount that is not set follows from the threshold, so a row from before needs none, and a whale from before is of the
tier that five and twenty thresholds make: nothing else could hold. The history's trigger function names its columns
from here on, and a change of an amount alone is dated as one of the threshold is.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision, down_revision = "0013", "0012"

TABLES = """
ALTER TABLE whale_thresholds
    ADD COLUMN large_usd numeric CHECK (large_usd >= threshold_usd AND large_usd < 'Infinity'),
    ADD COLUMN giant_usd numeric CHECK (giant_usd >= coalesce(large_usd, threshold_usd) AND giant_usd < 'Infinity');
ALTER TABLE whale_threshold_history ADD COLUMN large_usd numeric, ADD COLUMN giant_usd numeric;

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
    INSERT INTO whale_threshold_history (exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd)
    VALUES (NEW.exchange, NEW.symbol, NEW.valid_from, NEW.threshold_usd, NEW.large_usd, NEW.giant_usd);
    RETURN NULL;
END $$;
DROP TRIGGER whale_threshold_dated ON whale_thresholds;
CREATE TRIGGER whale_threshold_dated BEFORE UPDATE ON whale_thresholds FOR EACH ROW
WHEN ((NEW.threshold_usd, NEW.large_usd, NEW.giant_usd) IS DISTINCT FROM
    (OLD.threshold_usd, OLD.large_usd, OLD.giant_usd) AND NEW.valid_from = OLD.valid_from)
EXECUTE FUNCTION keep_whale_threshold();

ALTER TABLE whale_alerts ADD COLUMN tier text CHECK (tier IN ('whale', 'large', 'giant'));
UPDATE whale_alerts SET tier = CASE WHEN notional_usd >= 20 * threshold_usd THEN 'giant'
    WHEN notional_usd >= 5 * threshold_usd THEN 'large' ELSE 'whale' END;
CREATE OR REPLACE VIEW whale_orders AS SELECT * FROM whale_alerts whale WHERE NOT EXISTS (
    SELECT FROM whale_alerts sweep WHERE whale.kind = 'single_trade' AND sweep.kind = 'sweep'
        AND (sweep.exchange, sweep.symbol) = (whale.exchange, whale.symbol)
        AND sweep.trade_id = coalesce(whale.sweep_first_id, whale.trade_id));

ALTER TABLE whales_taken_back ADD COLUMN tier text;
UPDATE whales_taken_back SET tier = CASE WHEN notional_usd >= 20 * threshold_usd THEN 'giant'
    WHEN notional_usd >= 5 * threshold_usd THEN 'large' ELSE 'whale' END;
"""

COMMENTS = {
    "COLUMN whale_thresholds.large_usd": "US dollars from which a whale is a large one; null: 5 x threshold_usd, or "
    "giant_usd where that is set lower",
    "COLUMN whale_thresholds.giant_usd": "US dollars from which a whale is a giant one; null: 20 x threshold_usd, or "
    "large_usd where that is set higher",
    "COLUMN whale_threshold_history.large_usd": "as in whale_thresholds",
    "COLUMN whale_threshold_history.giant_usd": "as in whale_thresholds",
    "COLUMN whale_alerts.tier": "whale, large or giant, by the amounts that held at event_time; that of a sweep rises "
    "as it grows",
    "COLUMN whales_taken_back.tier": "whale, large or giant, as it was",
}


def upgrade() -> None:
    """Add the columns, and fill those of whales."""
    op.execute(TABLES)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")
