"""Who made a window or whale, the stream or the lake, and from which message; what was taken back; since when a
threshold holds.

A recomputation from the lake has authority: what it wrote the stream changes only with more trades than it had when it
was overruled, and a whale that it took back stays away. Thresholds keep their history, so that an old hour is judged by
what held then: what held before this migration is told by the whales that were found. The history is written by a
trigger, so whoever changes a threshold leaves one: it holds from now on, or from the time that the change gives as
`valid_from` or, for all that the transaction changes, as the setting `whale.valid_from`.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision, down_revision = "0007", "0006"

_TABLES = """
ALTER TABLE trade_windows
    ADD COLUMN made_from text NOT NULL DEFAULT 'stream' CHECK (made_from IN ('stream', 'lake')),
    ADD COLUMN topic_partition integer,
    ADD COLUMN topic_offset bigint,
    ADD COLUMN overruled_trades bigint NOT NULL DEFAULT 0;

ALTER TABLE whale_alerts
    ADD COLUMN made_from text NOT NULL DEFAULT 'stream' CHECK (made_from IN ('stream', 'lake')),
    ADD COLUMN topic_partition integer,
    ADD COLUMN topic_offset bigint;

CREATE TABLE whales_taken_back (
    exchange text NOT NULL,
    symbol text NOT NULL,
    kind text NOT NULL,
    trade_id bigint NOT NULL,
    side text NOT NULL,
    price numeric NOT NULL,
    quantity numeric NOT NULL,
    notional_usd numeric NOT NULL,
    threshold_usd numeric NOT NULL,
    event_time timestamptz NOT NULL,
    detected_time timestamptz NOT NULL,
    run_id text NOT NULL,
    reason text NOT NULL,
    taken_back_by text NOT NULL,
    taken_back_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol, kind, trade_id)
);
CREATE INDEX whales_taken_back_newest ON whales_taken_back (taken_back_time);

ALTER TABLE whale_thresholds ADD COLUMN valid_from timestamptz NOT NULL DEFAULT now();

CREATE TABLE whale_threshold_history (
    exchange text NOT NULL,
    symbol text NOT NULL,
    valid_from timestamptz NOT NULL,
    threshold_usd numeric,
    PRIMARY KEY (exchange, symbol, valid_from)
);
UPDATE whale_thresholds SET valid_from = updated_at;
INSERT INTO whale_threshold_history SELECT exchange, symbol, valid_from, threshold_usd FROM whale_thresholds;

-- What held before is told by the whales that were found: of each symbol every change, until today's row came. When
-- exactly between two whales it changed nobody knows, so the higher of both holds between them: then none of the trades
-- between is a whale that was not found. A suggestion was written anew every day, changed or not.
CREATE TEMPORARY TABLE today ON COMMIT DROP AS
SELECT traded.exchange, traded.symbol, held.* FROM (
    SELECT exchange, symbol FROM trade_windows UNION SELECT exchange, symbol FROM whale_alerts) AS traded
CROSS JOIN LATERAL (
    SELECT valid_from AS until, threshold_usd AS usd, origin,
        (t.exchange, t.symbol) = (traded.exchange, traded.symbol) AS own
    FROM whale_thresholds t WHERE t.exchange IN ('*', traded.exchange) AND t.symbol IN ('*', traded.symbol)
    ORDER BY t.symbol = '*', t.exchange = '*' LIMIT 1
) AS held;
CREATE TEMPORARY TABLE recorded ON COMMIT DROP AS
SELECT exchange, symbol, event_time, threshold_usd, until, own, row_number() OVER by_time AS number,
    lag(threshold_usd) OVER by_time AS before, lag(event_time) OVER by_time AS earlier,
    CASE WHEN origin = 'suggested' AND lead(event_time) OVER by_time IS NULL AND usd > threshold_usd
        THEN usd END AS raised
FROM (SELECT exchange, symbol, event_time, min(threshold_usd) AS threshold_usd FROM whale_alerts GROUP BY 1, 2, 3) found
LEFT JOIN today USING (exchange, symbol) WHERE event_time < coalesce(until, now())
WINDOW by_time AS (PARTITION BY exchange, symbol ORDER BY event_time);
INSERT INTO whale_threshold_history
SELECT exchange, symbol, CASE WHEN number = 1 THEN 'epoch' WHEN threshold_usd < before THEN event_time
    ELSE earlier + interval '1 microsecond' END, threshold_usd
FROM recorded WHERE threshold_usd IS DISTINCT FROM before;
INSERT INTO whale_threshold_history
SELECT exchange, symbol, event_time + interval '1 microsecond', raised FROM recorded WHERE raised IS NOT NULL
ON CONFLICT (exchange, symbol, valid_from) DO NOTHING;
-- A symbol without any had none: its threshold was above its largest minute.
CREATE TEMPORARY TABLE quiet ON COMMIT DROP AS
SELECT exchange, symbol, min(window_start) AS since, until, max(notional) + 1 AS usd, own
FROM today JOIN trade_windows USING (exchange, symbol)
WHERE window_start < until AND (exchange, symbol) NOT IN (SELECT exchange, symbol FROM recorded)
GROUP BY exchange, symbol, until, today.usd, own HAVING max(notional) >= today.usd;
INSERT INTO whale_threshold_history SELECT exchange, symbol, since, usd FROM quiet;
INSERT INTO whale_threshold_history
SELECT DISTINCT exchange, symbol, until, NULL::numeric FROM (
    SELECT exchange, symbol, until, own FROM recorded UNION ALL SELECT exchange, symbol, until, own FROM quiet) AS ended
WHERE NOT own;
INSERT INTO whale_threshold_history SELECT exchange, symbol, 'epoch', threshold_usd FROM whale_thresholds
ON CONFLICT (exchange, symbol, valid_from) DO NOTHING;

CREATE FUNCTION keep_whale_threshold() RETURNS trigger
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
        INSERT INTO whale_threshold_history VALUES (OLD.exchange, OLD.symbol, coalesce(given, now()), NULL);
        RETURN NULL;
    END IF;
    DELETE FROM whale_threshold_history
    WHERE (exchange, symbol) = (NEW.exchange, NEW.symbol) AND valid_from >= NEW.valid_from;
    INSERT INTO whale_threshold_history VALUES (NEW.exchange, NEW.symbol, NEW.valid_from, NEW.threshold_usd);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION keep_whale_threshold() FROM PUBLIC;
CREATE TRIGGER whale_threshold_dated BEFORE UPDATE ON whale_thresholds FOR EACH ROW
WHEN (NEW.threshold_usd <> OLD.threshold_usd AND NEW.valid_from = OLD.valid_from)
EXECUTE FUNCTION keep_whale_threshold();
CREATE TRIGGER whale_threshold_kept AFTER INSERT OR UPDATE OR DELETE ON whale_thresholds
FOR EACH ROW EXECUTE FUNCTION keep_whale_threshold();
"""

COMMENTS = {
    "COLUMN trade_windows.made_from": "stream, or lake where it was computed again, which has authority",
    "COLUMN trade_windows.topic_partition": "of its newest trade in raw_crypto_trades; null where it was imported",
    "COLUMN trade_windows.topic_offset": "of its newest trade in raw_crypto_trades; null where it was imported",
    "COLUMN trade_windows.overruled_trades": "trade_count that the stream had when the lake overruled it, else 0: the "
    "stream changes the row again only with more",
    "COLUMN whale_alerts.made_from": "stream, or lake where it was found by computing the hour again",
    "COLUMN whale_alerts.topic_partition": "of its trade in raw_crypto_trades; null where it was imported or unknown",
    "COLUMN whale_alerts.topic_offset": "of its trade in raw_crypto_trades; null where it was imported or unknown",
    "TABLE whales_taken_back": "whales that were deleted from whale_alerts because the lake does not have them: each "
    "as it was, with the reason; the stream does not bring them again",
    "COLUMN whales_taken_back.taken_back_by": "run and code that took it back",
    "COLUMN whale_thresholds.valid_from": "event time from which it holds",
    "TABLE whale_threshold_history": "every threshold that ever held, with the event time from which; null: none",
}


def upgrade() -> None:
    """Add the columns and tables."""
    op.execute(_TABLES)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")
