"""`whale`: the operator's commands. Thin: each file collects, calls another room and prints the result."""
