"""Imports of past trades in Dagster, and the request for the hours that they bring."""
