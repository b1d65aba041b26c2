"""The query that writes the lake, its supervisor, and hours of the lake restored from Kafka."""
