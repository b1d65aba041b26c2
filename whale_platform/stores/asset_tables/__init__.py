"""The tables that are computed from the stream's, and what the platform decides about days and thresholds."""
