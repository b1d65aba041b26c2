"""Asset checks of tables, services and disks, the audit among them, and the job that runs all checks."""
