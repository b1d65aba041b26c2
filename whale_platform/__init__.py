"""Whale Platform: every large crypto trade seen within milliseconds, none lost, every number traceable."""

__version__ = "0.1.0"
