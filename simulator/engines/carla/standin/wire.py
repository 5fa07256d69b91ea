"""Sockets and messages: MessagePack remote calls, and streams of sized messages.

Calls are rpclib's: a request `[0, id, method, [metadata, *arguments]]`, a reply `[1, id, nil, result]`.
A stream's client names the stream in four bytes and then only reads.
"""

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

TOKEN = struct.Struct("<IHBB16s")
"""Stream, port, protocol (1 for TCP), kind of address (0: the one that the client called), address."""
WAIT_FOR_LISTENERS = 1.0
"""How long a tick waits for listeners that have asked for a stream but are not connected yet [s]."""


def listener(host: str, port: int) -> socket.socket:
    """A listening socket."""
    return socket.create_server((host, port), backlog=64)


def serve(server: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    """Has `handle` called in a thread of its own for each connection, for ever, from another thread."""

    def one(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                handle(connection)
            except OSError:  # the client has gone
                return

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def answer_calls(connection: socket.socket, call: Callable[[str, list[Any]], Any]) -> None:
    """Answers requests in their order until the client goes."""
    import msgpack  # of the extra `carla`; the options of the stand-in can be read without it

    unpacker = msgpack.Unpacker(raw=False, unicode_errors="replace", max_buffer_size=0)
    while data := connection.recv(1 << 16):
        unpacker.feed(data)
        for _, number, method, arguments in unpacker:
            connection.sendall(msgpack.packb([1, number, None, call(method, arguments[1:])]))


class Streams:
    """All streams of a server and who listens to them."""

    def __init__(self, host: str) -> None:
        self._socket = listener(host, 0)
        self._port = self._socket.getsockname()[1]
        self._changed = threading.Condition()
        self._listeners: dict[int, list[socket.socket]] = defaultdict(list)
        self._asked: dict[int, int] = defaultdict(int)
        self._joined: dict[int, int] = defaultdict(int)
        serve(self._socket, self._hold)

    def token(self, stream: int) -> bytes:
        """What a client needs to find a stream."""
        return TOKEN.pack(stream, self._port, 1, 0, bytes(16))

    def expect(self, stream: int) -> None:
        """A client has asked for the stream and is about to connect."""
        with self._changed:
            self._asked[stream] += 1

    def forget(self, stream: int) -> None:
        """Nobody waits for the stream any more."""
        with self._changed:
            self._asked.pop(stream, None)
            self._joined.pop(stream, None)

    def wait_for_listeners(self) -> None:
        """Until all that were expected are there, or a second has passed."""

        def complete() -> bool:
            return all(self._joined[stream] >= count for stream, count in list(self._asked.items()))

        with self._changed:
            if not self._changed.wait_for(complete, WAIT_FOR_LISTENERS):
                self._asked.clear()

    def heard(self, stream: int) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners[stream])

    def send(self, stream: int, payload: bytes) -> None:
        """Sends a message to all who listen to a stream."""
        with self._changed:
            connections = list(self._listeners[stream])
        for connection in connections:
            try:
                connection.sendall(struct.pack("<I", len(payload)) + payload)
            except OSError:
                self._drop(stream, connection)

    def _hold(self, connection: socket.socket) -> None:
        stream = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL))[0]
        with self._changed:
            self._listeners[stream].append(connection)
            self._joined[stream] += 1
            self._changed.notify_all()
        while connection.recv(1 << 10):  # a listener says nothing more; it only goes
            pass
        self._drop(stream, connection)

    def _drop(self, stream: int, connection: socket.socket) -> None:
        with self._changed:
            if connection in self._listeners[stream]:
                self._listeners[stream].remove(connection)
