"""An exchange's symbols over as many WebSocket connections as they need, renewed without a gap."""
