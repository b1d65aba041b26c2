"""What a supervisor publishes and obeys, as files: states, requests, commands, shifts."""
