"""What the API reports about itself and the platform, and the threads in which it does blocking work."""
