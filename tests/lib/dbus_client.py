# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of a message bus for tests, independent of the libraries under test: marshalling, calls, errors; and a bus of its own.

Values: a structure is a tuple, an array a list, a{ss} a dict. One thread per connection.
"""

import os
import socket
import struct
import subprocess
from pathlib import Path

FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}
ALIGNMENT = {"y": 1, "b": 4, "n": 2, "q": 2, "i": 4, "u": 4, "x": 8, "t": 8, "d": 8, "s": 4, "o": 4, "g": 1, "v": 1, "a": 4, "(": 8, "{": 8}
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
FIELD_TYPES = {PATH: "o", INTERFACE: "s", MEMBER: "s", ERROR_NAME: "s", REPLY_SERIAL: "u", DESTINATION: "s", SENDER: "s", SIGNATURE: "g"}
CLOSING = {"(": ")", "{": "}"}
TIMEOUT_SECONDS = 120


class DBusError(Exception):
    """An error that came as the reply."""

    def __init__(self, name, body):
        super().__init__(name, *body)
        self.name = name
        self.text = body[0] if body else ""


def first_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + first_type(signature[1:])
    if signature[0] not in CLOSING:
        return signature[0]
    at = 1
    while signature[at] != CLOSING[signature[0]]:
        at += len(first_type(signature[at:]))
    return signature[:at + 1]


def split(signature):
    """The complete types of a signature."""
    types = []
    while signature:
        types.append(first_type(signature))
        signature = signature[len(types[-1]):]
    return types


class Writer:
    """Bytes in the making, little-endian."""

    def __init__(self):
        self.data = bytearray()

    def align(self, alignment):
        self.data += bytes(-len(self.data) % alignment)

    def fixed(self, code, value):
        self.align(ALIGNMENT[code])
        self.data += struct.pack("<" + FIXED[code], int(value) if code == "b" else value)

    def write(self, of, value):
        """One value of one type."""
        if of[0] in FIXED:
            self.fixed(of, value)
        elif of in ("s", "o"):
            self.fixed("u", len(value.encode()))
            self.data += value.encode() + b"\0"
        elif of == "g":
            self.data += bytes([len(value)]) + value.encode() + b"\0"
        elif of == "v":
            self.write("g", value[0])
            self.write(*value)
        elif of[0] == "a":
            self.write_array(of[1:], value.items() if isinstance(value, dict) else value)
        else:
            self.align(8)
            self.write_all(of[1:-1], value)

    def write_array(self, of, items):
        self.fixed("u", 0)
        length_at = len(self.data) - 4
        self.align(ALIGNMENT[of[0]])
        begin = len(self.data)
        for item in items:
            self.write(of, item)
        self.data[length_at:length_at + 4] = struct.pack("<I", len(self.data) - begin)

    def write_all(self, signature, values):
        """Values in a row; their number must be that of the signature."""
        for of, value in zip(split(signature), values, strict=True):
            self.write(of, value)


class Reader:
    """Bytes as they came; of our own endianness, which is what a bus on this machine sends."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def align(self, alignment):
        self.at += -self.at % alignment

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def read(self, of):
        """One value of one type."""
        if of[0] in FIXED:
            self.align(ALIGNMENT[of])
            value, = struct.unpack("<" + FIXED[of], self.take(struct.calcsize(FIXED[of])))
            return bool(value) if of == "b" else value
        if of in ("s", "o", "g"):
            length = self.take(1)[0] if of == "g" else self.read("u")
            return self.take(length + 1)[:-1].decode()
        if of == "v":
            return self.read(self.read("g"))
        if of[0] == "a":
            return self.read_array(of[1:])
        self.align(8)
        return tuple(self.read_all(of[1:-1]))

    def read_array(self, of):
        length = self.read("u")
        self.align(ALIGNMENT[of[0]])
        end = self.at + length
        items = []
        while self.at < end:
            items.append(self.read(of))
        return dict(items) if of[0] == "{" else items

    def read_all(self, signature):
        return [self.read(of) for of in split(signature)]


class Connection:
    """A connection to the bus at a Unix socket."""

    def __init__(self, path):
        self.serial = 0
        self.replies = {}  # by the call's serial
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(path)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        if not self.read_line().startswith(b"OK "):
            raise DBusError("refused", [])
        self.socket.sendall(b"BEGIN\r\n")
        self.name, = self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")

    def close(self):
        self.socket.close()

    def receive(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the bus has closed the connection")
            data += piece
        return bytes(data)

    def read_line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.receive(1)
        return line

    def send(self, destination, path, interface, member, signature="", args=()):
        """Sends a call; its serial."""
        self.serial += 1
        body, message = Writer(), Writer()
        body.write_all(signature, args)
        fields = {PATH: path, INTERFACE: interface, MEMBER: member, DESTINATION: destination}
        fields |= {SIGNATURE: signature} if signature else {}
        message.write_all("yyyyuu", (ord("l"), CALL, 0, 1, len(body.data), self.serial))
        message.write("a(yv)", [(code, (FIELD_TYPES[code], value)) for code, value in fields.items()])
        message.align(8)
        self.socket.sendall(message.data + body.data)
        return self.serial

    def read_message(self):
        """(kind, fields, body) of what comes next."""
        head = self.receive(16)
        body_length, _, fields_length = struct.unpack("<III", head[4:])
        rest = self.receive(fields_length + -fields_length % 8 + body_length)
        reader = Reader(head + rest)
        reader.at = 12
        fields = dict(reader.read("a(yv)"))
        reader.align(8)
        return head[1], fields, Reader(reader.data[reader.at:]).read_all(fields.get(SIGNATURE, ""))

    def wait(self, serial):
        """The results of a call; DBusError if it failed."""
        while serial not in self.replies:
            kind, fields, body = self.read_message()
            if kind in (RETURN, ERROR):
                self.replies[fields[REPLY_SERIAL]] = (kind, fields, body)
        kind, fields, body = self.replies.pop(serial)
        if kind == ERROR:
            raise DBusError(fields[ERROR_NAME], body)
        return body

    def call(self, *args):
        """As send() and wait()."""
        return self.wait(self.send(*args))


CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  {policy}
</busconfig>
"""
ANYTHING = ('<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/>'
            '<allow user="*"/></policy>')


class PrivateBus:
    """A dbus-daemon with its socket in @folder."""

    def __init__(self, folder, policy=ANYTHING):
        self.path = str(Path(folder) / "bus")
        self.address = f"unix:path={self.path}"
        self.config = Path(folder) / "bus.conf"
        self.config.write_text(CONFIG.format(path=self.path, policy=policy), encoding="utf-8")
        self.process = None
        self.start()

    def start(self):
        """Returns when it takes connections."""
        Path(self.path).unlink(missing_ok=True)
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.config}", "--nofork", "--print-address"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if not self.process.stdout.readline():
            raise RuntimeError("dbus-daemon has not started")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def connect(self):
        return Connection(self.path)
