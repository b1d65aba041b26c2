"""How clients are spoken to: messages, their schema, WebSocket and Server-Sent Events."""
