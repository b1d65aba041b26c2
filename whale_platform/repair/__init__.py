"""Corrects past hours: what the stream counted wrong or never saw is recomputed from the lake."""
