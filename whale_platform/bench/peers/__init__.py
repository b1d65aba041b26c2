"""The windows of this platform beside what an engineer would pick instead, on the same broker and database."""
