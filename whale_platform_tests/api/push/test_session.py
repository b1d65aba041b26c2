"""One socket's session, with a server that closes under it."""

import asyncio

from starlette.types import Message
from starlette.websockets import WebSocket

from whale_platform.api.push.clients.websocket import WebSocketSession
from whale_platform.api.push.fanout.client_limits import ClientLimits
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform_tests.api.push.builders import Topic


def test_a_socket_that_the_server_has_closed_ends_its_session_quietly() -> None:
    async def receive() -> Message:
        if accepted:
            await asyncio.Event().wait()
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.")
        accepted.append(message)

    async def scene() -> None:
        socket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await socket.accept()
        session = WebSocketSession(socket, hub, Topic(), ClientLimits(), key="")
        await asyncio.wait_for(session.run(), 300)
        assert session.sent == 0

    accepted, hub = list[Message](), PushHub()
    asyncio.run(scene())
    assert hub.clients == 0
