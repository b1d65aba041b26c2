"""Past hours made right: what the stream counted wrong or never saw is computed again from the lake."""
