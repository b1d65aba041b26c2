"""What every subject's definitions need: partitions, resources, confirmation, and when to hold back."""
