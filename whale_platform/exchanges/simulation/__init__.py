"""What the simulated side of an exchange is written against: trades that are played, clients, REST responses."""
