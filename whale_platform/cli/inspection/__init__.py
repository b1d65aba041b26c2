"""Looking at a home: its state, its screen, its logs, and the shells of its servers."""
