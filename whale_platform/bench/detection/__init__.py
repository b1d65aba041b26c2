"""What the detectors find of planted robots and clusters, and what they find where there are none."""
