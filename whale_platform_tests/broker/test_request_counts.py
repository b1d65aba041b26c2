"""What trades cost the broker, counted: a burst goes in few batches, which are the requests that carry them."""

from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import RAW_TRADES
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.log_segments import count_batches

TRADES, MARKETS = 20_000, 20
MOST_BATCHES_A_TRADE = 0.02


def test_a_burst_of_trades_is_sent_in_few_requests(kafka: KafkaServer) -> None:
    data = kafka.folder / "kafka" / "data"
    before = count_batches(data, RAW_TRADES)  # other tests have written there
    producer = TradeProducer(kafka.bootstrap, "test")
    for number in range(TRADES):
        producer.send(RAW_TRADES, f"binance:{number % MARKETS}".encode(), b"x" * 228)
    assert producer.close(60) == 0
    after = count_batches(data, RAW_TRADES)
    assert after.records - before.records == TRADES
    assert after.batches - before.batches < MOST_BATCHES_A_TRADE * TRADES
