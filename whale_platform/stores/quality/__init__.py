"""What audits and data checks read and record: whether the tables agree with each other and with Kafka."""
