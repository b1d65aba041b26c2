"""The sink: messages of Spark and of the ingester become rows in Postgres, exactly once in effect."""
