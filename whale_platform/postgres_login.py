"""Which Postgres, and who logs in there: one value, from the settings. Standard library only.

Each part (a role) may have a log-in of its own; the embedded server's have generated passwords in the home. What
`dsn` gives holds a secret and is never logged; `public_dsn` is for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

Role = Literal["owner", "sink", "stream", "api", "editor", "dagster"]  # who asks Postgres; the owner migrates
ROLES: tuple[Role, ...] = ("sink", "stream", "api", "editor", "dagster")  # those with fewer rights


def role_name(role: Role) -> str:
    """The Postgres role: `whale` owns the tables."""
    return "whale" if role == "owner" else f"whale_{role}"


@dataclass(frozen=True, slots=True)
class PostgresLogin:
    """`given`: the owner's URI, None for the embedded server at `port`; `direct`: past its pooler; `own`: by role."""

    home: Path
    port: int
    given: str | None
    direct: str | None
    own: Mapping[Role, str | None]
    owner_password: Path | None

    def password_file(self, role: Role) -> Path:
        """Where the generated password of that role lies (mode 0600)."""
        return self.home / ("postgres.password" if role == "owner" else f"postgres-{role}.password")

    def dsn(self, role: Role, direct: bool) -> str:
        """Return the connection string, as `Settings.dsn` says."""
        if (own := self.own.get(role)) is not None:
            return own  # the file holds the owner's password
        if (given := (self.direct if direct else None) or self.given) is not None:
            return self._with_password(given)
        try:
            password = self.password_file(role).read_text().strip()
        except FileNotFoundError:
            why = f"Postgres has never started in {self.home}"
            if role != "owner" and self.password_file("owner").exists():
                why = f"Postgres has no log-in for {role} in {self.home} yet: `whale restart --all` makes it"
            raise FileNotFoundError(why) from None
        return f"postgresql://{role_name(role)}:{password}@127.0.0.1:{self.port}/whale"

    def public_dsn(self, role: Role) -> str:
        """The same without the secret."""
        given = self.own.get(role) or self.given
        if given is None:
            return f"postgresql://{role_name(role)}@127.0.0.1:{self.port}/whale"
        scheme, _, rest = given.partition("?")[0].partition("://")
        user, at, host = rest.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}{at}{host}"

    def _with_password(self, dsn: str) -> str:
        """That DSN with the password of the file, where it has none and there is a file."""
        given = urlsplit(dsn)
        if self.owner_password is None or given.password is not None:
            return dsn
        password = quote(self.owner_password.read_text().strip(), safe="")
        user, _, place = given.netloc.rpartition("@")
        return given._replace(netloc=f"{user or 'whale'}:{password}@{place}").geturl()
