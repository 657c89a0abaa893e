# SPDX-License-Identifier: LGPL-2.1-or-later
"""Downloads of a large file that lies in the page cache, by tools/bench/file_server.c, plain and over TLS."""

import socket
import ssl
import subprocess
import time
from pathlib import Path

import load

FILE_BYTES = 1 << 30
BUFFER_BYTES = 1 << 20
ROUNDS = 3


def receive(port, is_tls):
    """Seconds that it takes."""
    buffer = bytearray(BUFFER_BYTES)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        if is_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        started, total = time.monotonic(), 0
        while count := connection.recv_into(buffer):
            total += count
        connection.close()
    if total <= FILE_BYTES:
        raise load.BenchError(f"download: {total} bytes only")
    return time.monotonic() - started


def measure(build, scratch):
    """Megabytes per second over TLS, and without."""
    program = Path(build) / "tools/file_server"
    if not program.exists():
        raise load.BenchError(f"{program} is not there")
    path = Path(scratch) / "file"
    with open(path, "wb") as file:
        file.truncate(FILE_BYTES)
    process = subprocess.Popen([program, path, Path(scratch) / "server.crt", Path(scratch) / "server.key"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    try:
        plain, tls = map(int, process.stdout.readline().split())
        times = load.interleaved(lambda: receive(tls, True), lambda: receive(plain, False), ROUNDS)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return tuple(FILE_BYTES / 1e6 / seconds for seconds in times)
