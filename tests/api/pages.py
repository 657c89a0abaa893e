# SPDX-License-Identifier: LGPL-2.1-or-later
"""Talking to HTTP handlers: replies with a length and replies that end with the connection."""

import base64
from urllib.parse import quote

import case


class Page:
    """A whole reply."""

    def __init__(self, first, headers, body):
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def type(self):
        """Its content type."""
        return self.headers.get("content-type")


def basic(user, password):
    """An Authorization header."""
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class PagesTest(case.ApiTest):
    """Requests go over plain TCP, so that nobody is trusted."""

    def fetch(self, method, path, body=b"", headers=(), version="1.1", connection=None, **query):
        """The Page that answers; @query is encoded."""
        connection = connection or self.connect()
        text = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in query.items())
        connection.send_request(method, f"{path}?{text}" if text else path, body, headers, version)
        return self.read(connection)

    def read(self, connection):
        """The next Page of @connection."""
        while b"\r\n\r\n" not in connection.buffer:
            self.assertTrue(connection.receive(), "the connection was ended without an answer")
        head, _, connection.buffer = connection.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        length = dict((name.lower(), value) for name, value in headers).get("content-length")
        while length is None or len(connection.buffer) < int(length):
            if not connection.receive():
                self.assertIsNone(length, "the body is cut off")
                length = str(len(connection.buffer))
        body, connection.buffer = connection.buffer[:int(length)], connection.buffer[int(length):]
        return Page(first, headers, body)

    def get(self, path, **query):
        """GET by root's session."""
        return self.fetch("GET", path, session_id=self.api.session, **query)
