"""One symbol's trades in id order, each once, and the gaps among them: state machines without I/O."""
