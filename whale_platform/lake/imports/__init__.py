"""Exchanges' public dumps of past trades: checked as files, read as rows, imported hour by hour."""
