# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads model/ and checks it. Every complaint reads "file: block: what is wrong"; all are collected before giving up."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

SCALARS = ("string", "int", "float", "bool", "datetime", "void")
QUALIFIERS = ("RW", "ROins", "ROrun")
RUNS_ON = ("any", "resident", "chosen", "named", "sr", "all")
ON_DELETE = ("null", "cascade", "refuse")
STOCK = {
    "get_all": "GET_ALL", "get_all_records": "GET_ALL_RECORDS", "get_by_uuid": "GET_BY_UUID",
    "get_by_name_label": "GET_BY_NAME_LABEL", "get_record": "GET_RECORD", "create": "CREATE", "destroy": "DESTROY",
}
STATES = ("Halted", "Paused", "Running", "Suspended", "plugged", "unplugged")
CLASS_KEYS = {"class", "doc", "rows", "persistent", "events", "stock", "handled", "write_roles", "stock_roles",
              "getter_roles", "deprecated", "internal", "fields", "messages"}
FIELD_KEYS = {"type", "qualifier", "doc", "default", "persistent", "on_delete", "derived_from", "accessors", "since",
              "write_roles"}
MESSAGE_KEYS = {"doc", "roles", "params", "result", "errors", "async", "session", "since", "deprecated", "from_states",
                "marks", "conflicts", "runs_on", "templates", "control_domain", "parked"}
PARAM_KEYS = {"type", "doc", "default"}
RESULT_KEYS = {"type", "doc"}
ENGINE_KEYS = ("from_states", "marks", "conflicts", "runs_on", "templates", "control_domain")


class ModelError(Exception):
    """What is wrong with the model, one complaint a line."""


@dataclass(frozen=True)
class Type:
    kind: str  # a scalar, "ref", "record", "enum", "set", "map"
    name: str = ""  # of the class or enum
    key: "Type | None" = None
    element: "Type | None" = None

    def __str__(self):
        match self.kind:
            case "ref":
                return f"{self.name} ref"
            case "record" | "enum":
                return f"{self.kind} {self.name}"
            case "set":
                return f"set({self.element})"
            case "map":
                return f"map({self.key},{self.element})"
        return self.kind


def parse_type(text):
    """The Type that `text` prints; ValueError if it is none."""
    text = text.strip()
    if text in SCALARS:
        return Type(text)
    if m := re.fullmatch(r"(\w+) ref", text):
        return Type("ref", m[1])
    if m := re.fullmatch(r"(enum|record) (\w+)", text):
        return Type(m[1], m[2])
    if m := re.fullmatch(r"set\((.*)\)", text):
        return Type("set", element=parse_type(m[1]))
    if m := re.fullmatch(r"map\(([^,()]*),(.*)\)", text):
        return Type("map", key=parse_type(m[1]), element=parse_type(m[2]))
    raise ValueError(f"'{text}' is no type")


@dataclass
class Field:
    name: str
    type: Type
    qualifier: str
    doc: str
    default: object = None
    persistent: bool = True
    on_delete: str = "null"
    derived_from: str | None = None
    accessors: bool = True
    newer: bool = False
    write_role: str = ""
    key_roles: dict = field(default_factory=dict)


@dataclass
class Param:
    name: str
    type: Type
    doc: str
    default: object = None


@dataclass
class Message:
    name: str
    kind: str  # CUSTOM, GETTER, ... as in MessageKind
    doc: str
    role: str
    params: list = field(default_factory=list)
    result: Type = Type("void")
    result_doc: str = ""
    errors: list = field(default_factory=list)
    has_async: bool = False
    session: bool = True
    newer: bool = False
    deprecated: bool = False
    handled: bool = False  # has a function in src/api
    field: str | None = None
    engine: dict | None = None


@dataclass
class Class:
    name: str
    doc: str
    rows: bool
    persistent: bool
    events: bool
    fields: dict
    messages: dict
    internal: bool = False  # the server's own: clients never see it


@dataclass
class Model:
    classes: dict
    enums: dict
    enum_docs: dict
    newer_enums: set
    errors: dict  # code -> (params, doc)
    roles: dict
    map_keys: dict
    permissions: dict
    pending: list
    newer_errors: set = field(default_factory=set)


class Loader:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.complaints = []

    def complain(self, where, what):
        self.complaints.append(f"{where}: {what}")

    def read(self, name):
        path = self.folder / name
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            self.complain(name, error)
            return {}

    def load(self):
        enums_toml, errors_toml, roles_toml = self.read("enums.toml"), self.read("errors.toml"), self.read("roles.toml")
        self.enums = {name: list(block.get("members", {})) for name, block in enums_toml.items()}
        for name, block in enums_toml.items():
            self.check_enum(f"enums.toml: {name}", block)
        self.roles = roles_toml.get("roles", {})
        self.errors = {code: (block.get("params", []), block.get("doc", "")) for code, block in errors_toml.items()}
        for code, block in errors_toml.items():
            self.check_keys(f"errors.toml: {code}", block, {"params", "doc", "since"})
            self.check_doc(f"errors.toml: {code}", block)
        blocks = {}
        for path in sorted((self.folder / "classes").glob("*.toml")):
            block = self.read(f"classes/{path.name}")
            if block.get("class") != path.stem:
                self.complain(f"classes/{path.name}", f"'class' must be '{path.stem}'")
            blocks[path.stem] = block
        self.class_names = set(blocks)
        classes = {name: self.load_class(name, block) for name, block in blocks.items()}
        model = Model(classes, self.enums, enums_toml,
                      {name for name, block in enums_toml.items() if block.get("since") == "newer"},
                      self.errors, self.roles, roles_toml.get("map_keys", {}), roles_toml.get("permissions", {}), self.load_pending(),
                      {code for code, block in errors_toml.items() if block.get("since") == "newer"})
        self.check_roles(model)
        self.check_relations(model)
        self.check_engines(model)
        self.check_pending(model)
        if self.complaints:
            raise ModelError("\n".join(self.complaints))
        return model

    def load_pending(self):
        path = self.folder / "pending.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def check_doc(self, where, block):
        if not block.get("doc"):
            self.complain(where, "'doc' is missing")

    def check_enum(self, where, block):
        self.check_keys(where, block, {"doc", "since", "members"})
        self.check_doc(where, block)
        if not block.get("members"):
            self.complain(where, "has no members")
        for member, doc in block.get("members", {}).items():
            if not doc:
                self.complain(where, f"member '{member}' has no doc")

    def type_of(self, where, text):
        try:
            result = parse_type(text)
        except (ValueError, TypeError) as error:
            self.complain(where, error)
            return Type("void")
        self.check_names(where, result)
        return result

    def check_names(self, where, a_type):
        if a_type.kind in ("ref", "record") and a_type.name not in self.class_names:
            self.complain(where, f"class '{a_type.name}' is unknown")
        if a_type.kind == "enum" and a_type.name not in self.enums:
            self.complain(where, f"enum '{a_type.name}' is unknown")
        for part in (a_type.key, a_type.element):
            if part:
                self.check_names(where, part)

    def check_keys(self, where, block, allowed):
        for key in block:
            if key not in allowed:
                self.complain(where, f"key '{key}' is unknown")

    def role(self, where, name):
        if name != "internal" and name not in self.roles:
            self.complain(where, f"role '{name}' is unknown")
        return name

    def load_class(self, name, block):
        where = f"classes/{name}.toml"
        self.check_keys(where, block, CLASS_KEYS)
        self.check_doc(where, block)
        cls = Class(name, block.get("doc", ""), block.get("rows", True), block.get("persistent", True),
                    block.get("events", True), {}, {}, block.get("internal", False))
        writer = block.get("write_roles", "pool-admin")
        for field_name, field_block in block.get("fields", {}).items():
            cls.fields[field_name] = self.load_field(f"{where}: fields.{field_name}", field_name, field_block, writer)
        for message in self.stock_messages(where, cls, block):
            cls.messages[message.name] = message
        for message_name, message_block in block.get("messages", {}).items():
            self.load_message(f"{where}: messages.{message_name}", cls, message_name, message_block)
        for message_name in block.get("deprecated", []):
            if message_name in cls.messages:
                cls.messages[message_name].deprecated = True
            else:
                self.complain(where, f"deprecated: no message '{message_name}'")
        operations = cls.fields.get("allowed_operations")
        if operations and not (operations.type.kind == "set" and operations.type.element.kind == "enum"):
            self.complain(f"{where}: fields.allowed_operations", "must be a set of an enum")
        return cls

    def load_field(self, where, name, block, writer):
        self.check_keys(where, block, FIELD_KEYS)
        a_type = self.type_of(where, block.get("type", ""))
        if block.get("qualifier") not in QUALIFIERS:
            self.complain(where, f"qualifier must be one of {', '.join(QUALIFIERS)}")
        self.check_doc(where, block)
        if block.get("on_delete", "null") not in ON_DELETE:
            self.complain(where, f"on_delete must be one of {', '.join(ON_DELETE)}")
        if "default" in block:
            self.check_default(where, a_type, block["default"])
        return Field(name, a_type, block.get("qualifier", "ROrun"), block.get("doc", ""), block.get("default"),
                     block.get("persistent", True), block.get("on_delete", "null"), block.get("derived_from"),
                     block.get("accessors", True), block.get("since") == "newer",
                     self.role(where, block.get("write_roles", writer)))

    def check_default(self, where, a_type, value):
        if a_type.kind == "enum" and isinstance(value, str) and value not in self.enums.get(a_type.name, [value]):
            self.complain(where, f"default '{value}' is no member of {a_type.name}")
        elif not self.fits(a_type, value):
            self.complain(where, f"default {value!r} is no {a_type}")

    def fits(self, a_type, value):
        """Whether a default has the type, all the way down: the server takes it as it is when it starts."""
        match a_type.kind:
            case "set":
                return isinstance(value, list) and all(self.fits(a_type.element, member) for member in value)
            case "map":
                return isinstance(value, dict) and all(self.fits(a_type.element, member) for member in value.values())
            case "enum":
                return value in self.enums.get(a_type.name, [value])
            case "datetime":
                return isinstance(value, str) and re.fullmatch(r"\d{8}T\d\d:\d\d:\d\dZ?", value) is not None
        fits = {"string": str, "ref": str, "int": int, "float": (int, float), "bool": bool}.get(a_type.kind, ())
        return isinstance(value, fits) and (a_type.kind == "bool" or not isinstance(value, bool))

    def stock_messages(self, where, cls, block):
        handled = block.get("handled", [])
        of_fields = set()
        for field_ in cls.fields.values():
            for message in field_messages(cls, field_, block.get("getter_roles", {})):
                message.handled = message.name in handled
                of_fields.add(message.name)
                yield message
        roles = block.get("stock_roles", {})
        for name in block.get("stock", []):
            if name not in STOCK:
                self.complain(where, f"stock message '{name}' is unknown")
                continue
            message = stock_message(cls, name, self.role(where, roles.get(name, "read-only")))
            message.handled = name in handled
            yield message
            if name in ("get_all", "get_all_records"):
                yield where_message(cls, message)
        for name in handled:
            if name not in block.get("stock", []) and name not in of_fields:
                self.complain(where, f"'{name}' is handled but no regular message")

    def load_message(self, where, cls, name, block):
        self.check_keys(where, block, MESSAGE_KEYS)
        self.check_doc(where, block)
        engine = {key: block[key] for key in ENGINE_KEYS if key in block} or None
        if name in cls.messages:  # engine data of a stock create or destroy
            for key in block:
                if key != "doc" and key not in ENGINE_KEYS:
                    self.complain(where, f"is a regular message, so '{key}' cannot be said of it")
            cls.messages[name].engine = engine
            cls.messages[name].doc = block.get("doc", "")
            return
        for code in block.get("errors", []):
            if code not in self.errors:
                self.complain(where, f"error '{code}' is unknown")
        result = block.get("result")
        if result is not None:
            self.check_keys(f"{where}: result", result, RESULT_KEYS)
            self.check_doc(f"{where}: result", result)
        cls.messages[name] = Message(
            name, "CUSTOM", block.get("doc", ""), self.role(where, block.get("roles", "")),
            self.load_params(where, block.get("params", {})),
            self.type_of(where, result.get("type", "")) if result else Type("void"), result.get("doc", "") if result else "",
            block.get("errors", []), block.get("async", True), block.get("session", True),
            block.get("since") == "newer", block.get("deprecated", False), not block.get("parked", False), None, engine)

    def load_params(self, where, blocks):
        params = []
        for name, block in blocks.items():
            inside = f"{where}: params.{name}"
            self.check_keys(inside, block, PARAM_KEYS)
            self.check_doc(inside, block)
            a_type = self.type_of(inside, block.get("type", ""))
            if "default" in block:
                self.check_default(inside, a_type, block["default"])
            elif params and params[-1].default is not None:
                self.complain(inside, "comes after a parameter with a default, so it needs one too")
            params.append(Param(name, a_type, block.get("doc", ""), block.get("default")))
        return params

    def check_roles(self, model):
        """Gives map fields the roles of their keys."""
        for name, keys in model.map_keys.items():
            where = f"roles.toml: map_keys: {name}"
            class_name, _, field_name = name.partition(".")
            field_ = model.classes[class_name].fields.get(field_name) if class_name in model.classes else None
            if field_ is None or field_.type.kind != "map" or field_.qualifier != "RW":
                self.complain(where, "is no map that clients write")
                continue
            for key, role in keys.items():
                if "*" in key[:-1]:
                    self.complain(where, f"'{key}': only the end of a key may be left open")
                self.key_role(f"{where}: {key}", role)
            field_.key_roles = keys
        for name, role in model.permissions.items():
            self.key_role(f"roles.toml: permissions: {name}", role)

    def key_role(self, where, role):
        if role not in self.roles:
            self.complain(where, f"role '{role}' is unknown")

    def check_relations(self, model):
        for cls in model.classes.values():
            for field_ in cls.fields.values():
                if not field_.derived_from:
                    continue
                where = f"classes/{cls.name}.toml: fields.{field_.name}"
                peer_class, _, peer_field = field_.derived_from.partition(".")
                peer = model.classes.get(peer_class)
                other = peer.fields.get(peer_field) if peer else None
                if other is None:
                    self.complain(where, f"derived_from '{field_.derived_from}' is unknown")
                elif other.derived_from or other.type not in (Type("ref", cls.name), Type("set", element=Type("ref", cls.name))):
                    self.complain(where, f"{field_.derived_from} does not store references to {cls.name}")
                elif field_.type != Type("set", element=Type("ref", peer_class)):
                    self.complain(where, f"must be set({peer_class} ref)")

    def check_engines(self, model):
        for cls in model.classes.values():
            for message in cls.messages.values():
                if message.engine:
                    self.check_engine(model, cls, message)

    def check_engine(self, model, cls, message):
        where = f"classes/{cls.name}.toml: messages.{message.name}"
        for state in message.engine.get("from_states", []):
            if state not in STATES:
                self.complain(where, f"from_states: '{state}' is unknown")
        if message.engine.get("runs_on", "any") not in RUNS_ON:
            self.complain(where, f"runs_on must be one of {', '.join(RUNS_ON)}")
        first = None
        for target, operation in message.engine.get("marks", {}).items():
            marked = resolve_mark(model, message, target)
            if marked is None or marked[2] not in model.classes:
                self.complain(where, f"marks: '{target}' is neither a parameter nor a field of one that holds references")
                continue
            operations = operations_of(model, marked[2])
            first = first or operations
            if operation not in operations:
                self.complain(where, f"marks: {marked[2]} has no operation '{operation}'")
        conflicts = message.engine.get("conflicts", "any")
        for operation in conflicts if isinstance(conflicts, list) else []:
            if operation not in (first or []):
                self.complain(where, f"conflicts: no operation '{operation}'")

    def check_pending(self, model):
        handled = {f"{c.name}.{m.name}" for c in model.classes.values() for m in c.messages.values() if m.handled}
        for name in model.pending:
            if name not in handled:
                self.complain("pending.txt", f"'{name}' is no message with a handler")
        if model.pending != sorted(set(model.pending)):
            self.complain("pending.txt", "must be sorted, each name once")


def operations_of(model, class_name):
    """Members of the enum behind allowed_operations; empty if the class has none."""
    allowed = model.classes[class_name].fields.get("allowed_operations")
    is_good = allowed and allowed.type.element and allowed.type.element.name in model.enums
    return model.enums[allowed.type.element.name] if is_good else []


def resolve_mark(model, message, target):
    """(parameter index, field name or None, class marked) for a key of 'marks'; None if it names nothing."""
    for index, param in enumerate(message.params):
        if param.name == target and param.type.kind == "ref":
            return index, None, param.type.name
    for index, param in enumerate(message.params):
        if param.type.kind != "ref" or param.type.name not in model.classes:
            continue
        relation = model.classes[param.type.name].fields.get(target)
        if relation is not None:
            inner = relation.type.element if relation.type.kind == "set" else relation.type
            if inner.kind == "ref":
                return index, target, inner.name
    return None


def field_messages(cls, field_, getter_roles):
    """The regular messages of one field."""
    if not field_.accessors:
        return
    this = Param("self", Type("ref", cls.name), "reference to the object")
    n, t = field_.name, field_.type
    text = f"the field {n}"

    def make(name, kind, doc, params, role, result=Type("void"), result_doc=""):
        return Message(name, kind, doc, role, params, result, result_doc, newer=field_.newer, field=n)

    yield make(f"get_{n}", "GETTER", f"Get {text}.", [this], getter_roles.get(n, "read-only"), t, field_.doc)
    if field_.qualifier != "RW":
        return
    yield make(f"set_{n}", "SETTER", f"Set {text}.", [this, Param("value", t, "new value")], field_.write_role)
    if t.kind == "set":
        member = Param("value", t.element, "the member")
        yield make(f"add_{n}", "ADDER", f"Add a member to {text}; nothing happens if it is there.", [this, member],
                   field_.write_role)
        yield make(f"remove_{n}", "REMOVER", f"Remove a member from {text}; nothing happens if it is absent.",
                   [this, member], field_.write_role)
    if t.kind == "map":
        key = Param("key", t.key, "the key")
        yield make(f"add_to_{n}", "ADDER", f"Add a key to {text}; MAP_DUPLICATE_KEY if it is there.",
                   [this, key, Param("value", t.element, "its value")], field_.write_role)
        yield make(f"remove_from_{n}", "REMOVER", f"Remove a key from {text}; nothing happens if it is absent.",
                   [this, key], field_.write_role)


def stock_message(cls, name, role):
    ref, record = Type("ref", cls.name), Type("record", cls.name)
    this = Param("self", ref, "reference to the object")
    c = cls.name
    doc, params, result = {
        "get_all": (f"List every {c}.", [], Type("set", element=ref)),
        "get_all_records": (f"Get the records of every {c}, by reference.", [], Type("map", key=ref, element=record)),
        "get_by_uuid": (f"Find the {c} with this uuid.", [Param("uuid", Type("string"), "its uuid")], ref),
        "get_by_name_label": (f"List every {c} with this name.", [Param("label", Type("string"), "its name")],
                              Type("set", element=ref)),
        "get_record": (f"Get all fields of one {c}.", [this], record),
        "create": (f"Make a new {c}.", [Param("args", record, "fields of the new object")], ref),
        "destroy": (f"Destroy one {c}.", [this], Type("void")),
    }[name]
    return Message(name, STOCK[name], doc, role, params, result, f"the new {c}" if name == "create" else "",
                   has_async=name in ("create", "destroy"))


def where_message(cls, base):
    """The newer companion of get_all and get_all_records that takes an expression."""
    expression = Param("expr", Type("string"), "which objects: field \"name\" = \"value\", not, and, or, true, false")
    name = base.name.replace("get_all", "get_all_where") if base.name == "get_all" else "get_all_records_where"
    doc = base.doc.removesuffix(".") + ", for those an expression is true of."
    return Message(name, base.kind + "_WHERE", doc, base.role, [expression], base.result, newer=True)


def load(folder):
    """The checked Model in `folder`; ModelError with every complaint otherwise."""
    return Loader(folder).load()
