"""Kafka, Postgres and the lake compared, trade by trade and value by value: collected, reconciled, rendered."""
