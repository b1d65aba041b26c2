"""Kafka as this platform uses it: topics, one producer, one reader. confluent-kafka lives here and nowhere else."""
