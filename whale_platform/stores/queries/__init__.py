"""What the API, the terminal and Dagster read: each function is one bounded statement that changes nothing."""
