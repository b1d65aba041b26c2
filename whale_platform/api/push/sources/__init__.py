"""The push's sources: the topics as they grow, and older whales from Kafka and Postgres."""
