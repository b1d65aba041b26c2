"""What a service needs and when to start or end it again: data and pure functions."""
