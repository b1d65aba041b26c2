"""The database as a Dagster resource. It holds no secret: the DSN comes from the environment when it is needed."""

import dagster as dg

from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.materialisation import Provenance
from whale_platform.version import code_version


class StoreResource(dg.ConfigurableResource[None]):
    """Where the stream tables and asset tables are: by the `WHALE_…` environment, as for every service."""

    def dsn(self) -> str:
        """libpq URI with the password. Raises Failure where the database has not been made yet."""
        try:
            return Settings().dsn("dagster")
        except OSError as error:
            raise dg.Failure(f"no database here: {error.strerror or error}") from None

    def maker(self, context: dg.AssetExecutionContext) -> Provenance:
        """This run and this code, for the rows it writes."""
        return Provenance(context.run.run_id, code_version())
