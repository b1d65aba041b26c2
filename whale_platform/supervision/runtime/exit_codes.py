"""Exit codes by which a service requests its supervisor's next step."""

CLEAN = 0
RETRY = 75  # EX_TEMPFAIL: a dependency was not ready; retry after the back-off
LEASE_REFUSED = 76  # another process already is this service
BLOCKED = 78  # EX_CONFIG: starting again can't help; the beat's detail says what a person must do
