"""Missing trades from an exchange's REST history."""
