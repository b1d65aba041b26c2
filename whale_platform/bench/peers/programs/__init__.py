"""What peers run, in an environment of their own: nothing here is imported by the platform."""
