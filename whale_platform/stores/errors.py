"""Exceptions of the stores, which hide psycopg2's own. Each message says what to do, and none quotes a stored value.

* StoreError
  + PostgresError
    + PostgresUnusableError
      + StoreUnavailableError
        x ReadOnlyServerError
      x SchemaMismatchError
      x InvalidDsnError
    x RowRejectedError
  x SchemaNewerError
  x OffsetConflictError
  x AdvisoryLockHeldError
  x NotifyUnavailableError
  x DayChangedError
  x DecimalOverflowError
"""


class StoreError(Exception):
    """Base of all exceptions of the stores."""


class PostgresError(StoreError):
    """Base of what psycopg2's exceptions become: a statement has failed, whatever its table."""


class PostgresUnusableError(PostgresError):
    """Base of what concerns the database and not a row: until it is put right, no statement of the caller succeeds."""


class StoreUnavailableError(PostgresUnusableError):
    """Postgres can't be reached, is shutting down, is out of something, or took too long. Trying again may help."""


class ReadOnlyServerError(StoreUnavailableError):
    """Postgres takes reads alone: it is a standby, or was set so. A retry helps once another server is in its place."""


class SchemaMismatchError(PostgresUnusableError):
    """A table, column or right is missing: the migrations have not run, or ran for another version."""


class InvalidDsnError(PostgresUnusableError):
    """The connection string can't be read; a person must correct the setting."""


class RowRejectedError(PostgresError):
    """A value broke a constraint or doesn't fit its column; the text names the constraint or kind, never the value."""


class SchemaNewerError(StoreError):
    """The database was migrated by a newer version of this program."""


class OffsetConflictError(StoreError):
    """The stored offsets are not where this sink left them: another sink is writing to this database."""


class AdvisoryLockHeldError(StoreError):
    """Another process holds the lock; the text says which."""


class NotifyUnavailableError(StoreError):
    """This connection never receives NOTIFY; the message says why."""


class DayChangedError(StoreError):
    """A day is not as it was planned; plan again."""


class ThresholdChangedError(StoreError):
    """A threshold is not as its change takes it to be; `current` is the StoredThreshold, None where there is none."""

    def __init__(self, current: object) -> None:
        super().__init__("the threshold is another one by now: read it again")
        self.current = current


class DecimalOverflowError(StoreError):
    """A number of this column does not fit decimal(38,18)."""
