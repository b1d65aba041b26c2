"""Folders on a disk or in an object store (S3's protocol), and the log-in there."""
