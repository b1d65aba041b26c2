"""An exchange on localhost: both protocols, WebSocket and REST, with generated or recorded trades."""
