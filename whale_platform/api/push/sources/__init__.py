"""Where the push reads: the topics as they grow, and older whales from Kafka and Postgres."""
