"""What is sent to each client, and the queues until then: plain state of the event loop, without network or disk."""
