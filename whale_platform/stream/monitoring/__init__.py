"""How far each query has come: offsets, lag, rate, progress reports and the service's condition."""
