"""How an exchange publishes past trades as files: a zip with one CSV of the same name, its columns, its name.

Times count milliseconds or microseconds, told apart by their size; a file `NAME.CHECKSUM` with the SHA-256 may lie
beside the zip. The lake reads such files (`lake/imports/`); what differs between exchanges is data here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class DumpedTrade(NamedTuple):
    """One trade to write. price, quantity: counts of 1e-8. time: as the file has it."""

    trade_id: int
    price: int
    quantity: int
    time: int
    buyer_maker: bool


@dataclass(frozen=True, slots=True)
class DumpColumns:
    """The columns of one kind of file, in their order, and which of them hold what.

    first, last: of the trade ids that a line stands for, both `row_id` where it is a single trade. buyer_maker: true
    where the taker sold.
    """

    names: tuple[str, ...]
    row_id: str
    first: str
    last: str
    price: str
    quantity: str
    time: str
    buyer_maker: str

    def __str__(self) -> str:
        """As the header has them."""
        return ",".join(self.names)


@dataclass(frozen=True, slots=True)
class DumpFormat:
    """An exchange's files. site: where they are. example: the name of one.

    file_name: matches a whole name; groups symbol, kind, year, month and, for the file of one day, day.
    header: matches a header, in lower case without blanks, quotes and underscores; a file may have none.
    kinds: the columns by kind. encode: lines of that kind without a header, for measurements and tests.
    """

    site: str
    example: str
    file_name: re.Pattern[str]
    header: re.Pattern[str]
    kinds: Mapping[str, DumpColumns]
    encode: Callable[[str, Iterable[DumpedTrade]], Iterator[str]]
