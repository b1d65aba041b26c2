"""From the exchanges' sockets to topic `raw_crypto_trades`: each trade once, in id order, every gap on record."""
