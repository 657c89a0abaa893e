# SPDX-License-Identifier: LGPL-2.1-or-later
"""XML-RPC as it stands on the wire: values are written and read tag by tag, and replies are held against the model's types.

What is read must be spelled as the server is to spell it: no white space, no tag where none belongs, the same bytes when written again.
"""

import os
import re
import select
import socket
import sys
import xml.etree.ElementTree
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

TREE = Path(__file__).resolve().parent.parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import model as model_loader  # noqa: E402

MODEL = model_loader.load(TREE / "model")
MESSAGES = {f"{cls.name}.{message.name}": message for cls in MODEL.classes.values() for message in cls.messages.values()}
NULL = "OpaqueRef:NULL"
DECLARATION = '<?xml version="1.0"?>'
REF = re.compile(r"OpaqueRef:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|NULL)")
DATE = re.compile(r"\d{8}T\d\d:\d\d:\d\dZ?")
INT = re.compile(r"0|-?[1-9]\d*")
FLOAT = re.compile(r"-?(inf|nan|\d+(\.\d+)?(e[+-]\d+)?)")
REPLY_SECONDS = 30


class Date(str):
    """Text that travels in a dateTime tag."""


class Xml(str):
    """Text that is XML already, put where a value would stand."""


class ApiFailure(Exception):
    """An answer with Status Failure."""

    def __init__(self, description):
        super().__init__(" ".join(description))
        self.code, self.params = description[0], description[1:]


# ---- Writing


def text_of(text):
    """Character data as the server escapes it."""
    return escape(text, {'"': "&quot;"})


def value_xml(value):
    """<value> of what a client means: strings and ints have no tag."""
    if isinstance(value, Xml):
        return str(value)
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>"
    if isinstance(value, float):
        return f"<value><double>{value!r}</double></value>"
    if isinstance(value, Date):
        return f"<value><dateTime.iso8601>{value}</dateTime.iso8601></value>"
    if isinstance(value, (str, int)):
        return f"<value>{text_of(str(value))}</value>"
    if isinstance(value, (list, tuple)):
        return f"<value><array><data>{''.join(value_xml(item) for item in value)}</data></array></value>"
    assert isinstance(value, dict), value
    members = "".join(f"<member><name>{text_of(str(key))}</name>{value_xml(item)}</member>" for key, item in value.items())
    return f"<value><struct>{members}</struct></value>"


def call_xml(method, *params):
    """A methodCall."""
    return (f"{DECLARATION}<methodCall><methodName>{text_of(method)}</methodName><params>"
            f"{''.join(f'<param>{value_xml(param)}</param>' for param in params)}</params></methodCall>")


def reply_xml(value):
    """A methodResponse around the text of one <value>."""
    return f"{DECLARATION}<methodResponse><params><param>{value}</param></params></methodResponse>"


def success_xml(value):
    """The whole reply of a call that gave @value, the text of a <value>."""
    return reply_xml(f"<value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name>{value}</member>"
                     "</struct></value>")


def failure_xml(*description):
    """The whole reply of a call that failed."""
    return reply_xml("<value><struct><member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name>"
                     f"{value_xml(list(description))}</member></struct></value>")


# ---- Reading


@dataclass
class Node:
    """A value as it stood on the wire: kind is the tag's name, or "text" without one."""
    kind: str
    content: object  # str, list of Node, or dict of Node

    def xml(self):
        """As the server is to spell it."""
        if self.kind == "text":
            return f"<value>{text_of(self.content)}</value>"
        if self.kind == "array":
            return f"<value><array><data>{''.join(item.xml() for item in self.content)}</data></array></value>"
        if self.kind == "struct":
            members = "".join(f"<member><name>{text_of(key)}</name>{item.xml()}</member>" for key, item in self.content.items())
            return f"<value><struct>{members}</struct></value>"
        if self.kind == "nil":
            return "<value><nil/></value>"
        return f"<value><{self.kind}>{text_of(self.content)}</{self.kind}></value>"


def read_value(element):
    """The Node of a <value> element."""
    if len(element) == 0:
        return Node("text", element.text or "")
    inner = element[0]
    if inner.tag == "array":
        return Node("array", [read_value(item) for item in inner[0]])
    if inner.tag == "struct":
        return Node("struct", {member[0].text or "": read_value(member[1]) for member in inner})
    return Node(inner.tag, inner.text or "")


def read_reply(body):
    """The Node that a methodResponse holds; its bytes must be those the server is to write."""
    text = body.decode()
    node = read_value(xml.etree.ElementTree.fromstring(text).find("params/param/value"))
    assert reply_xml(node.xml()) == text, f"spelled otherwise than expected:\n{text}\n{reply_xml(node.xml())}"
    return node


def read_answer(body):
    """The Node of a success's Value; ApiFailure otherwise."""
    node = read_reply(body)
    assert node.kind == "struct", node
    if node.content["Status"].content == "Success":
        assert list(node.content) == ["Status", "Value"], node
        return node.content["Value"]
    assert list(node.content) == ["Status", "ErrorDescription"] and node.content["Status"].content == "Failure", node
    description = node.content["ErrorDescription"]
    assert description.kind == "array" and all(item.kind == "text" for item in description.content), node
    raise ApiFailure([item.content for item in description.content])


# ---- Types


def expect(condition, what, node):
    """AssertionError unless @condition."""
    if not condition:
        raise AssertionError(f"{what}: {node}"[:500])


def typed(node, of, where=""):
    """What @node means by the model's type @of; AssertionError if it is spelled as anything else."""
    kinds = {"bool": "boolean", "float": "double", "datetime": "dateTime.iso8601", "set": "array", "map": "struct", "record": "struct"}
    expect(node.kind == kinds.get(of.kind, "text"), f"{where}: not spelled as a {of}", node)
    match of.kind:
        case "void":
            expect(node.content == "", f"{where}: void is empty", node)
        case "int":
            expect(INT.fullmatch(node.content), f"{where}: no int", node)
            return int(node.content)
        case "bool":
            expect(node.content in ("0", "1"), f"{where}: no bool", node)
            return node.content == "1"
        case "float":
            expect(FLOAT.fullmatch(node.content), f"{where}: no float", node)
            return float(node.content)
        case "datetime":
            expect(DATE.fullmatch(node.content), f"{where}: no date", node)
            return Date(node.content)
        case "ref":
            expect(REF.fullmatch(node.content), f"{where}: no reference", node)
        case "enum":
            expect(node.content in MODEL.enums[of.name], f"{where}: no {of}", node)
        case "set":
            return [typed(item, of.element, where) for item in node.content]
        case "map":
            return {typed_key(key, of.key, where): typed(item, of.element, where) for key, item in node.content.items()}
        case "record":
            return typed_record(node, of.name, where)
    return node.content


def typed_key(key, of, where):
    """A map's key: text that would be a value of the type."""
    typed(Node("text", key), of if of.kind not in ("bool", "float", "datetime") else model_loader.Type("string"), where)
    return key


def typed_record(node, name, where=""):
    """All fields of the class, no more, each of its type. event.from's records have what its own reply has, too."""
    fields = MODEL.classes[name].fields
    expect(set(node.content) == set(fields), f"{where}: fields differ by {set(node.content) ^ set(fields)}", name)
    return {key: typed(node.content[key], field.type, f"{where} {name}.{key}") for key, field in fields.items()}


# Replies that have a shape beyond the model's types. Source: protocol notes 2: event.from's struct, and snapshot in event records.
UNTYPED = {"event.from", "event.next"}


# ---- Talking


class Connection:
    """HTTP in plain bytes, over TCP or a Unix socket; kept until closed."""

    def __init__(self, address, seconds=REPLY_SECONDS):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(address if isinstance(address, tuple) else str(address))
        self.buffer = b""

    def close(self):
        """Ends the connection."""
        self.socket.close()

    def send(self, data):
        """Bytes as they are."""
        self.socket.sendall(data)

    def receive(self):
        """More bytes into the buffer; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return data != b""

    def send_request(self, method, path, body=b"", headers=(), version="1.1"):
        """One request; Content-Length is added unless @body is None."""
        lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
        lines += [f"Content-Length: {len(body)}"] if body is not None else []
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def read_response(self):
        """(status line, [(name, value)], body) of the next response; None if the connection ended before one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.receive():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        length = int({name.lower(): value for name, value in headers}.get("content-length", 0))
        while len(self.buffer) < length:
            assert self.receive(), "the body is cut off"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return first, headers, body

    def request(self, method, path, body=b"", headers=(), version="1.1"):
        """Both."""
        self.send_request(method, path, body, headers, version)
        return self.read_response()

    def is_ended(self):
        """Waits for the other side's next act: True if that is its end."""
        return not self.buffer and not self.receive()

    def post(self, text, path="/", headers=("Content-Type: text/xml",), version="1.1"):
        """The body of the answer to an XML-RPC call, which is always 200."""
        response = self.request("POST", path, text.encode() if isinstance(text, str) else text, headers, version)
        assert response is not None, "the connection was ended without an answer"
        first, _, body = response
        assert first == f"HTTP/{'1.1' if version == '1.1' else '1.0'} 200 OK" or first == "HTTP/1.1 200 OK", first
        return body


def first_readable(connections, seconds=REPLY_SECONDS):
    """The first of them that something comes from."""
    readable = select.select([connection.socket for connection in connections], [], [], seconds)[0]
    assert readable, "nobody says anything"
    return next(connection for connection in connections if connection.socket is readable[0])


called = set()  # names of messages that this program has called with success


class Wire(Connection):
    """A session whose every reply is checked against the model."""

    def __init__(self, address, session=None, seconds=REPLY_SECONDS):
        super().__init__(address, seconds)
        self.session = session

    def raw(self, method, *params):
        """The Node of the reply to a call without a session put in front."""
        return read_answer(self.post(call_xml(method, *params)))

    def __call__(self, method, *params):
        """A call in the session; what it answers by the model's type."""
        name = method.removeprefix("Async.")
        message = MESSAGES[name]
        node = self.raw(method, *([self.session] if message.session else []), *params)
        called.add(name)
        if method != name:
            return typed(node, model_loader.Type("ref", "task"), method)
        return node if name in UNTYPED else typed(node, message.result, method)

    def login(self, user="root", password=""):
        """Opens the session."""
        self.session = self("session.login_with_password", user, password, "2.0", "api test")
        return self


def save_called(program):
    """Leaves what this program has called where report_uncalled() of a later one finds it."""
    folder = Path(os.environ.get("XYLEM_BUILD_DIR", TREE / "build")) / "meson-logs"
    if folder.is_dir():
        (folder / f"called-{program}.txt").write_text("".join(f"{name}\n" for name in sorted(called)), encoding="utf-8")


def all_called():
    """What any program of this build tree called when it last ran, and this one so far."""
    names = set(called)
    folder = Path(os.environ.get("XYLEM_BUILD_DIR", TREE / "build")) / "meson-logs"
    for path in folder.glob("called-*.txt"):
        names.update(path.read_text(encoding="utf-8").splitlines())
    return names
