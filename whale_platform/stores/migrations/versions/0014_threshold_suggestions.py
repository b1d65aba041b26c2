"""The newest suggestion of a threshold for each market, with what each choice would have given.

Computed from the lake, which the API does not read; whoever computes them replaces all.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision, down_revision = "0014", "0013"

TABLE = """
CREATE TABLE threshold_suggestions (
    exchange text NOT NULL,
    symbol text NOT NULL,
    per_day integer NOT NULL CHECK (per_day > 0),
    days integer NOT NULL CHECK (days > 0),
    until timestamptz NOT NULL,
    usd numeric NOT NULL CHECK (usd > 0),
    hours bigint NOT NULL,
    trades bigint NOT NULL,
    largest_usd numeric NOT NULL,
    choices jsonb NOT NULL,
    hours_of_week jsonb NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol)
)
"""

COMMENTS = {
    "TABLE threshold_suggestions": "for each market the dollars from which its orders would have given per_day alerts "
    "a day; of the newest computation, which replaces all",
    "COLUMN threshold_suggestions.per_day": "alerts a day that were wished",
    "COLUMN threshold_suggestions.days": "days of 24 hours before until, from whose orders it is",
    "COLUMN threshold_suggestions.usd": "suggested: rounded up to three digits",
    "COLUMN threshold_suggestions.hours": "from the first trade of the market in those days to until",
    "COLUMN threshold_suggestions.trades": "of all sizes",
    "COLUMN threshold_suggestions.largest_usd": "the largest order",
    "COLUMN threshold_suggestions.choices": "amounts for other numbers of alerts a day, and as per_day null the "
    "threshold that held: each with its alerts of every day, oldest first, null where there were too many to count",
    "COLUMN threshold_suggestions.hours_of_week": "amounts that would have given as many alerts in each hour of the "
    "week (0: Monday 00 UTC), beside what usd gave; empty with less than four weeks of trades",
}


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)
    for what, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")
