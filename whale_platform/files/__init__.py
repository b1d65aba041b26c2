"""What every room does with files: atomic writes, locks, scratch folders, sizes. Standard library only."""
