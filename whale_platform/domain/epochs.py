"""Trade ids across id spaces: an exchange that begins to count again goes on in a new epoch.

`trade_id = epoch * EPOCH + the exchange's id`, so (exchange, symbol, trade_id) stays an identity and ids stay in order
where a symbol is listed again or a test net is reset. JavaScript reads such an id exactly up to epoch 900.
"""

EPOCH = 10**13  # no exchange counts so far: the largest ids of today have ten digits


def epoch_of(trade_id: int) -> int:
    """How often the exchange's ids had begun again, 0 for the first id space."""
    return trade_id // EPOCH


def exchange_id(trade_id: int) -> int:
    """The id as the exchange writes it."""
    return trade_id % EPOCH
