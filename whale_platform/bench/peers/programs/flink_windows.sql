-- Windows of raw trades in Flink SQL. A group by minute that is updated with each mini-batch, and not a window function:
-- that one would emit a window only when it has ended. What stands in braces is filled in.
SET 'parallelism.default' = '2';
SET 'table.local-time-zone' = 'UTC';
SET 'table.dml-sync' = 'true';
SET 'table.exec.state.ttl' = '1 h';
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '20 ms';
SET 'table.exec.mini-batch.size' = '50000';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'execution.checkpointing.interval' = '10 s';
SET 'execution.checkpointing.dir' = 'file://{checkpoints}';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
{recovery}
CREATE TABLE trades (
    `exchange` STRING, `symbol` STRING, `trade_id` BIGINT, `price` DECIMAL(18, 8), `quantity` DECIMAL(18, 8),
    `side` STRING, `event_time` BIGINT,
    `window_start` AS CAST(TO_TIMESTAMP_LTZ(`event_time` / 60000000 * 60, 0) AS TIMESTAMP(3))
) WITH (
    'connector' = 'kafka',
    'topic' = '{topic}',
    'properties.bootstrap.servers' = '{kafka}',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'json'
);
CREATE TABLE windows (
    `exchange` STRING, `symbol` STRING, `window_start` TIMESTAMP(3),
    `open` DECIMAL(18, 8), `high` DECIMAL(18, 8), `low` DECIMAL(18, 8), `close` DECIMAL(18, 8),
    `price_sum` DECIMAL(38, 8), `volume` DECIMAL(38, 8), `notional` DECIMAL(38, 16), `buy_volume` DECIMAL(38, 8),
    `trade_count` BIGINT, `first_trade_id` BIGINT, `last_trade_id` BIGINT, `last_event_time` BIGINT,
    PRIMARY KEY (`exchange`, `symbol`, `window_start`) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = '{jdbc}',
    'username' = '{user}',
    'password' = '{password}',
    'table-name' = '{table}',
    'sink.buffer-flush.max-rows' = '5000',
    'sink.buffer-flush.interval' = '20 ms'
);
INSERT INTO windows
SELECT `exchange`, `symbol`, `window_start`,
    FIRST_VALUE(`price`), MAX(`price`), MIN(`price`), LAST_VALUE(`price`),
    SUM(`price`), SUM(`quantity`), SUM(`price` * `quantity`),
    SUM(CASE WHEN `side` = 'buy' THEN `quantity` ELSE CAST(0 AS DECIMAL(18, 8)) END),
    COUNT(*), MIN(`trade_id`), MAX(`trade_id`), MAX(`event_time`)
FROM trades GROUP BY `exchange`, `symbol`, `window_start`;
