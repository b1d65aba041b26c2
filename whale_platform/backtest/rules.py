"""Rules for alerts as a person writes them in TOML, checked before anything is read.

Raises InvalidRuleError, which names the file, the rule and the key.
"""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from whale_platform.backtest.errors import InvalidRuleError
from whale_platform.domain.market import MarketKind
from whale_platform.domain.whale import ANY
from whale_platform.exchanges.market_kinds import choose_kind, list_whale_kinds
from whale_platform.exchanges.registry import find_market_kind, join_names
from whale_platform.lake.analysis.alert_selection import AlertConditions

Kind = Literal["single_trade", "sweep", "block", "liquidation"]
Group = Literal["market", "base", "all"]
_KEYS = {"rule"}
MOST_USD = Decimal(10) ** 15


def _read_decimal(value: Any) -> Any:
    """As the decimal that was written: a float of TOML has its text's value."""
    return Decimal(str(value)) if type(value) in (int, float) else value


class AlertRule(BaseModel):
    """Which whales are alerts.

    market_kind: of which markets, as figures are of one kind; without it of the kind of `exchange`, and where that
    names none, of spot, or of liquidations where `kind` is those alone. kind: one or more of `single_trade`, `sweep`,
    `block`, `liquidation`, each of which the markets can have; minimum_usd: US dollars; threshold: `held` takes those
    that held at the time of each trade; share: of its market's volume in the minute up to it, from 0 to 1; cooldown_s:
    so many seconds after an alert there is no other of its `group` (its market, all markets of its base, or the rule).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    exchange: str = ANY
    symbol: str = ANY
    market_kind: MarketKind | None = None
    kind: tuple[Kind, ...] = ("single_trade", "sweep", "block", "liquidation")
    side: Literal["buy", "sell"] | None = None
    minimum_usd: Annotated[Decimal, BeforeValidator(_read_decimal)] | None = Field(
        default=None, gt=0, le=MOST_USD, allow_inf_nan=False
    )
    threshold: Literal["held"] | None = None
    share: float | None = Field(default=None, gt=0, le=1)
    cooldown_s: float = Field(default=0, ge=0)
    group: Group = "market"

    @field_validator("kind", mode="before")
    @classmethod
    def _take_one_kind(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _require_dollars(self) -> Self:
        if self.minimum_usd is None and self.threshold is None:
            raise ValueError('write minimum_usd = …, or threshold = "held", or both')
        if not self.kind:
            raise ValueError(f"kind has none of {', '.join(get_args(Kind))}")
        return self

    @model_validator(mode="after")
    def _check_market_kind(self) -> Self:
        if self.exchange != ANY and self.market_kind not in (None, (kind := find_market_kind(self.exchange))):
            raise ValueError(f"exchange {self.exchange} has no {self.market_kind} markets: it is {kind}")
        return self

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        possible = list_whale_kinds(self.measured_kind)
        never = [one for one in self.kind if one not in possible]
        if never and set(self.kind) != set(get_args(Kind)):
            raise ValueError(
                f"{self.measured_kind} markets have no whales of kind {join_names(never)}: leave it out, or write a "
                "rule of its own for it, with the market_kind or the exchange that has it"
            )
        return self

    @property
    def measured_kind(self) -> MarketKind:
        """The market kind that its figures are of."""
        return self.market_kind or choose_kind(() if self.exchange == ANY else (self.exchange,), self.kind)

    @property
    def held(self) -> bool:
        """Whether the thresholds of the database are needed."""
        return self.threshold is not None

    def covers(self, exchange: str, symbol: str) -> bool:
        """Whether a market's whales may be alerts."""
        named = self.exchange in (ANY, exchange) and self.symbol in (ANY, symbol)
        return named and find_market_kind(exchange) == self.measured_kind

    def build_conditions(self) -> AlertConditions:
        """Return what the lake is asked for; cooldown and group come on top."""
        return AlertConditions(
            self.exchange,
            self.symbol,
            self.kind,
            self.side,
            self.minimum_usd,
            self.held,
            self.share,
            self.measured_kind,
        )


def read_rules(path: Path) -> list[AlertRule]:
    """Return the rules of a TOML file, in their order."""
    try:
        return parse_rules(path.read_text(), path.name)
    except OSError as error:
        raise InvalidRuleError(f"{path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidRuleError(f"{path} is no text in UTF-8") from None


def parse_rules(text: str, name: str = "rules") -> list[AlertRule]:
    """Return the rules of TOML text; `name` is the file's, for errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRuleError(f"{name} is no TOML: {error}") from None
    if unknown := sorted(table.keys() - _KEYS):
        raise InvalidRuleError(f"{name}: {unknown[0]} is no key here: write each rule below a line [[rule]]")
    listed = table.get("rule", [])
    if not isinstance(listed, list) or not listed or not all(isinstance(rule, dict) for rule in listed):
        raise InvalidRuleError(f"{name} has no rule: write each one below a line [[rule]]")
    rules = [_build_rule(rule, f"{name}, rule {number}") for number, rule in enumerate(listed, 1)]
    names = [rule.name for rule in rules]
    if doubled := next((one for one in names if names.count(one) > 1), None):
        raise InvalidRuleError(f"{name}: two rules are named {doubled!r}")
    return rules


def _build_rule(fields: Mapping[str, Any], where: str) -> AlertRule:
    where = f"{where} ({fields['name']!r})" if isinstance(fields.get("name"), str) else where
    try:
        return AlertRule(**fields)
    except ValidationError as error:
        raise InvalidRuleError(f"{where}: {_describe_error(error.errors(include_url=False))}") from None


def _describe_error(errors: Sequence[Mapping[str, Any]]) -> str:
    first = errors[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"there is no key {key}: there are {', '.join(AlertRule.model_fields)}"
    if first["type"] == "missing":
        return f"{key} is missing"
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"{key} = {first['input']!r}: {reason}" if key else reason
