"""The database as a Dagster resource. It holds no secret: the DSN is read when it is needed."""

import dagster as dg

from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.stores.asset_tables.materialisation import Provenance
from whale_platform.version import code_version


class StoreResource(PlatformSettings):
    """Where the stream tables and asset tables of this home are."""

    def dsn(self) -> str:
        """libpq URI with the password. Raises Failure where the database has not been made yet."""
        try:
            return self.read().dsn("dagster")
        except OSError as error:
            raise dg.Failure(f"no database here: {error.strerror or error}") from None

    def provenance(self, context: dg.AssetExecutionContext) -> Provenance:
        """This run and this code, for the rows it writes."""
        return Provenance(context.run.run_id, code_version())
