"""The rooms' errors as one line for the operator, with what to do. Imports broker, stores and lake: use it lazily."""

from collections.abc import Iterator
from contextlib import contextmanager

from whale_platform.api.errors import KeyFileError
from whale_platform.broker.errors import BrokerError, OffsetExpiredError
from whale_platform.cli.common.errors import UserError
from whale_platform.lake.errors import LakeError
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.stores.errors import (
    InvalidDsnError,
    ReadOnlyServerError,
    RowRejectedError,
    SchemaMismatchError,
    StoreUnavailableError,
)

_DO = "see `whale status`, start it with `whale up`"


@contextmanager
def explain_errors() -> Iterator[None]:
    """Raises UserError in place of what a server or the lake says; a missing file is Postgres's generated password."""
    try:
        yield
    except (BrokerError, OffsetExpiredError) as error:
        raise UserError(f"Kafka can't be read ({error}): {_DO}") from None
    except ObjectStoreError as error:
        raise UserError(str(error)) from None
    except ReadOnlyServerError as error:
        raise UserError(f"Postgres takes reads alone ({error}): it is a standby, or set so") from None
    except (StoreUnavailableError, FileNotFoundError) as error:
        raise UserError(f"Postgres can't be read ({error}): {_DO}") from None
    except (SchemaMismatchError, InvalidDsnError, RowRejectedError, LakeError, KeyFileError, ValueError) as error:
        raise UserError(str(error)) from None
