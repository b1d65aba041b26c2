"""Asset checks of tables, reports, services and disks, the audit among them, and the job that runs them all."""
