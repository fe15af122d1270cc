"""The eight attacks on a server's sockets, each from outside. Every function takes a server's address and returns
what it saw.

An attack is bounded in time and count, keeps its own sockets and closes them at its end.
"""

import contextlib
import socket
import struct
import threading
import time


def dial(address, timeout=5.0, receive_buffer=None):
    """A connected socket."""
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    connection.connect((host, int(port)))
    return connection


def answer_of(connection, limit=65536):
    """What comes until the peer closes, the limit or the timeout."""
    got = b""
    with contextlib.suppress(OSError):
        while len(got) < limit:
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
    return got


def closed_within(connection, seconds):
    """Whether the peer closes this connection in that time."""
    connection.settimeout(seconds)
    with contextlib.suppress(TimeoutError, socket.timeout):
        try:
            while connection.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
    return False


def request(path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()


def boundless_length(address):
    """1. A body of 100 GB announced in one packet, with every method; also conflicting and chunked ones."""
    seen = []
    for head in (
        f"{method} /status HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n"
        for method in ("POST", "GET", "HEAD")
    ):
        seen.append(_status_of(address, head))
    for line in (
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
    ):
        seen.append(_status_of(address, f"POST /status HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n"))
    return seen


def _status_of(address, head):
    with contextlib.closing(dial(address, 3)) as connection:
        connection.sendall(head.encode())
        line = answer_of(connection).split(b"\r\n", 1)[0].split(b" ")
        return int(line[1]) if len(line) > 1 else 0


def many_at_once(address, paths, seconds=5.0):
    """2. All these requests on connections of their own at the same moment: statuses, and the longest wait in seconds."""
    results, barrier = [None] * len(paths), threading.Barrier(len(paths))

    def ask(index, path):
        barrier.wait(10)
        began = time.monotonic()
        try:
            with contextlib.closing(dial(address, seconds)) as connection:
                connection.sendall(request(path, "Connection: close\r\n"))
                got = answer_of(connection, 10_000_000)
                results[index] = (int(got.split(b" ", 2)[1]), time.monotonic() - began)
        except (OSError, IndexError, ValueError) as error:
            results[index] = (0, f"{path}: {error!r}")

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(paths)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def endless_head(address, seconds=4.0):
    """3. A head that never ends, as fast as the server takes it; and fifty heads that stop half-way: (bytes taken, heads closed)."""
    halves = [dial(address) for _ in range(50)]
    for half in halves:
        half.sendall(b"GET /status HTTP/1.1\r\nHost: loc")
    taken, deadline = 0, time.monotonic() + seconds
    for start in (b"GET /status HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET /", b"GET /status HTTP/1.1\r\nHost: x\r\n"):
        with contextlib.closing(dial(address, 1)) as connection, contextlib.suppress(OSError):
            connection.sendall(start)
            piece = b"X-Many: a\r\n" * 6000 if start.endswith(b"\n") else b"a" * 65536
            while time.monotonic() < deadline:
                taken += connection.send(piece)
    closed = 0
    patience = time.monotonic() + 20
    for half in halves:
        closed += closed_within(half, max(0.1, patience - time.monotonic()))
        half.close()
    return taken, closed


def slow_clients(address, during, seconds=6.0):
    """4. Unsent bodies, a stream with pipelined requests behind it, readers that do not read; `during` is called meanwhile."""
    connections = []
    with contextlib.suppress(OSError):
        for _ in range(16):
            body = dial(address)
            body.sendall(b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            connections.append(body)
            stream = dial(address)
            stream.sendall(
                request("/logs?file=master&follow=true", "Accept: text/event-stream\r\n") + request("/status") * 8
            )
            connections.append(stream)
            reader = dial(address, 1, receive_buffer=4096)
            connections.append(reader)
            with contextlib.suppress(OSError):
                reader.sendall(request("/decisions?time_range=7d") * 400)
    result = during(seconds)
    for connection in connections:
        connection.close()
    return result


def hold_many(address, count, during, seconds=15.0):
    """5, 7. That many idle clients; `during` is called meanwhile with how many could connect."""
    connections, deadline = [], time.monotonic() + seconds
    while len(connections) < count and time.monotonic() < deadline:
        try:
            connections.append(dial(address, 2))
        except OSError:
            break
    result = during(len(connections))
    for connection in connections:
        connection.close()
    return result


def resets(address, count=6000, seconds=40.0):
    """6. Connections reset right after connecting, some after a request was sent; how many were made."""
    made, deadline = 0, time.monotonic() + seconds
    for index in range(count):
        if time.monotonic() > deadline:
            break
        with contextlib.suppress(OSError):
            connection = dial(address, 2)
            if index % 3 == 1:
                connection.sendall(request("/decisions?time_range=7d"))
            elif index % 3 == 2:
                connection.sendall(b"GET /sta")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            made += 1
    return made


def framing(address, paths):
    """8. Large answers: (path, bytes, chunked?, length told and right?) for each."""
    seen = []
    for path in paths:
        with contextlib.closing(dial(address)) as connection:
            connection.sendall(request(path, "Connection: close\r\n"))
            head, _, body = answer_of(connection, 50_000_000).partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            seen.append(
                (
                    path,
                    len(body),
                    fields.get(b"transfer-encoding") == b"chunked",
                    int(fields.get(b"content-length", -1)) == len(body),
                )
            )
    return seen


def odd_heads(address):
    """Heads that strict parsing refuses: how many were answered by 4xx (505 for the version) or closed, of how many."""
    heads = (
        b"GET /status HTTP/1.1\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /sta\0tus HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /status HTTP/1.1\rHost: x\r\n\r\n",
        b"GET /status HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET /status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"BREW /status HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    )
    refused = 0
    for head in heads:
        with contextlib.closing(dial(address, 2)) as connection:
            connection.sendall(head)
            connection.shutdown(socket.SHUT_WR)
            got = answer_of(connection)
            status = (got.split(b" ", 2) + [b""])[1]
            refused += got == b"" or status[:1] == b"4" or status == b"505"
    return refused, len(heads)
