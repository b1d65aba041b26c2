"""The sink: what Spark and the ingester say in topics becomes rows in Postgres, exactly once in effect."""
