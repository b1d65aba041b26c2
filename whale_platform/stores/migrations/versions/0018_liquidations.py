"""Liquidations among the whales: what the kind means, which no table has to be changed for.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Say it in the comment."""
    op.execute(
        "COMMENT ON COLUMN whale_alerts.kind IS 'single_trade: one fill over the threshold; sweep: all fills of one "
        "taker order together; block: a trade that the exchange calls a block, with ids of their own; liquidation: a "
        "position that the exchange has closed, at the bankruptcy price and with the side of the closing order'"
    )
