"""Hours rewritten as one sorted file, old days deleted, and messages from Kafka as rows for both."""
