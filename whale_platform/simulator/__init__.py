"""The exchanges on localhost, WebSocket and REST, with generated or recorded trades."""
