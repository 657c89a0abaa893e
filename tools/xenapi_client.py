# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small XenAPI client for tools and tests: XML-RPC or JSON-RPC over TLS, plain TCP or the Unix socket, connection kept.

    client = Client(unix="state/xapi.sock")
    client.login("root", "")
    client.call("VM.get_power_state", vm)    # the session goes first by itself
    client.VM.get_power_state(vm)            # the same
"""

import http.client
import json
import os
import socket
import ssl
import xmlrpc.client


class ApiError(Exception):
    """The server's answer was a failure: code, then its parameters."""

    def __init__(self, description):
        super().__init__(" ".join(str(part) for part in description))
        self.code = description[0] if description else ""
        self.params = list(description[1:])


class ProtocolError(Exception):
    """The answer was none of XenAPI's."""


def connect_unix(sock, path):
    """Connects to a Unix socket under a path of any length: an address holds 107 bytes of it."""
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        connect_unix(self.sock, self.path)


class ClassProxy:
    """client.VM: its attributes are the class's messages."""

    def __init__(self, client, name):
        self.client = client
        self.name = name

    def __getattr__(self, message):
        return lambda *params: self.client.call(f"{self.name}.{message}", *params)


def on_wire(value):
    """Integers travel as strings of digits."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [on_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: on_wire(item) for key, item in value.items()}
    return value


class Client:
    """One connection and one session."""

    def __init__(self, unix=None, host="127.0.0.1", port=None, tls=False, timeout=60, use_json=False):
        if unix is not None:
            self.connection = UnixConnection(str(unix), timeout)
        elif tls:
            # The server's certificate is its own; who checks it does so with his own means.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        else:
            self.connection = http.client.HTTPConnection(host, port, timeout=timeout)
        self.use_json = use_json
        self.session = None
        self.number = 0

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return ClassProxy(self, name)

    def close(self):
        """Leaves the session open; see logout()."""
        self.connection.close()

    def post(self, path, content_type, body):
        """The body of the answer. A kept connection that the server has closed meanwhile is not tried again: the call may have run."""
        self.connection.request("POST", path, body=body, headers={"Content-Type": content_type})
        reply = self.connection.getresponse()
        data = reply.read()
        if reply.status != 200:
            self.connection.close()
            raise ProtocolError(f"HTTP {reply.status} {reply.reason}")
        return data

    def call_raw(self, method, *params):
        """A call as it is, without the session in front."""
        try:
            answer = self.call_json(method, params) if self.use_json else self.call_xml(method, params)
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        return answer

    def call_xml(self, method, params):
        """By XML-RPC."""
        body = xmlrpc.client.dumps(tuple(on_wire(param) for param in params), method, allow_none=True)
        (answer,), _ = xmlrpc.client.loads(self.post("/", "text/xml", body.encode()), use_builtin_types=False)
        if not isinstance(answer, dict) or "Status" not in answer:
            return answer  # system.listMethods answers bare
        if answer["Status"] != "Success":
            raise ApiError(answer.get("ErrorDescription", []))
        return answer.get("Value")

    def call_json(self, method, params):
        """By JSON-RPC 2.0."""
        self.number += 1
        request = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": self.number}
        answer = json.loads(self.post("/jsonrpc", "application/json", json.dumps(request).encode()))
        if answer.get("id") != self.number:
            raise ProtocolError(f"answer to call {answer.get('id')}, not {self.number}")
        if "error" in answer and answer["error"] is not None:
            error = answer["error"]
            raise ApiError([error.get("message", ""), *(error.get("data") or [])])
        return answer["result"]

    def call(self, method, *params):
        """A call in the session."""
        return self.call_raw(method, self.session, *params)

    def login(self, user="root", password="", originator="tools"):
        """Opens the session; over the Unix socket any password will do."""
        self.session = self.call_raw("session.login_with_password", user, password, "2.0", originator)
        return self.session

    def logout(self):
        """Ends the session and the connection."""
        try:
            self.call("session.logout")
        finally:
            self.session = None
            self.close()

    def wait_task(self, task, timeout=120):
        """Waits by events until @task has ended; gives its record."""
        token = ""
        while True:
            record = self.call("task.get_record", task)
            if record["status"] not in ("pending", "cancelling"):
                return record
            batch = self.call("event.from", [f"task/{task}"], token, float(timeout))
            if not batch["events"]:
                raise TimeoutError(f"task {task} is {record['status']} after {timeout} s")
            token = batch["token"]

    def run_async(self, method, *params, timeout=120):
        """Async.@method to its end: the result's text, or ApiError."""
        task = self.call(f"Async.{method}", *params)
        record = self.wait_task(task, timeout)
        self.call("task.destroy", task)
        if record["status"] != "success":
            raise ApiError(record["error_info"] or [record["status"]])
        return record["result"]
