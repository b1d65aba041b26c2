"""What `./whale` runs before anything is installed: environment, tools, hand-over. Standard library only."""
