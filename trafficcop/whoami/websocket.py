"""The WebSocket page: every message comes back as it was (RFC 6455, spoken by wsproto)."""

from __future__ import annotations

import asyncio

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from trafficcop.whoami.pages import Fields


class Echo:
    """The server's end of one WebSocket."""

    __slots__ = ("transport", "websocket")

    def __init__(self, transport: asyncio.Transport, fields: Fields, target: bytes) -> None:
        self.transport = transport
        self.websocket = WSConnection(ConnectionType.SERVER)
        try:
            self.websocket.initiate_upgrade_connection(fields, target.decode("latin-1"))
        except RemoteProtocolError as error:
            self.refuse(error)
        else:
            self.answer()

    def receive(self, data: bytes) -> None:
        try:
            self.websocket.receive_data(data)
            self.answer()
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                self.transport.write(self.websocket.send(error.event_hint))
            self.transport.close()
        except LocalProtocolError:  # bytes after the close frame
            self.transport.close()

    def answer(self) -> None:
        for event in self.websocket.events():
            match event:
                case Request():
                    self.transport.write(self.websocket.send(AcceptConnection()))
                case TextMessage(data, message_finished=is_last):
                    self.transport.write(self.websocket.send(TextMessage(data, message_finished=is_last)))
                case BytesMessage(data, message_finished=is_last):
                    self.transport.write(self.websocket.send(BytesMessage(data, message_finished=is_last)))
                case Ping():
                    self.transport.write(self.websocket.send(event.response()))
                case CloseConnection():
                    self.transport.write(self.websocket.send(event.response()))
                    self.transport.close()

    def refuse(self, error: RemoteProtocolError) -> None:
        text = str(error).encode()
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(text)
        self.transport.write(head + text)
        self.transport.close()
