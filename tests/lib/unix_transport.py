# SPDX-License-Identifier: LGPL-2.1-or-later
"""XML-RPC on a Unix socket, for Python's own client."""

import http.client
import socket
import xmlrpc.client


class UnixTransport(xmlrpc.client.Transport):
    """Each call's connection goes to the socket at @path."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection
