# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads and checks model/domain.toml. Emits nothing; gen/domain.py does.

A complaint reads "file: block: what is wrong"; all complaints of a file are collected before anything is made.
"""

import re
import tomllib
from dataclasses import dataclass, field

PRIMITIVES = ("string", "int64", "float", "bool")
TYPE_KEYS = {"doc", "addition", "alias", "struct", "variant"}
MEMBER_KEYS = {"type", "doc", "optional", "addition"}
METHOD_KEYS = {"doc", "addition", "writes", "waits", "pending", "alias", "in", "out"}
EXCEPTION_KEYS = {"doc", "addition", "args"}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class ModelError(Exception):
    """What is wrong with a model file: one line per complaint."""


@dataclass(frozen=True)
class Type:
    """A type expression: name is a primitive, list, option, tuple, or a key of the model's types."""

    name: str
    args: tuple = ()

    def __str__(self):
        return f"{self.name}({','.join(map(str, self.args))})" if self.args else self.name


@dataclass(frozen=True)
class Member:
    """A struct's member, a variant's constructor (type None: no payload), an argument or a result."""

    name: str
    type: Type | None
    doc: str
    optional: bool = False
    addition: bool = False


@dataclass(frozen=True)
class TypeBlock:
    name: str
    kind: str
    doc: str
    addition: bool
    target: Type | None = None
    members: tuple = ()


@dataclass(frozen=True)
class Method:
    name: str
    doc: str
    addition: bool
    writes: bool
    waits: bool
    pending: bool
    alias: str | None
    inputs: tuple
    output: Member | None

    @property
    def interface(self):
        return self.name.split(".")[0]


@dataclass(frozen=True)
class DomainException:
    name: str
    doc: str
    addition: bool
    args: tuple


@dataclass
class Model:
    types: dict = field(default_factory=dict)
    methods: dict = field(default_factory=dict)
    exceptions: dict = field(default_factory=dict)
    tuples: dict = field(default_factory=dict)  # text of the type -> (name, member names)

    def resolve(self, of):
        """The type behind aliases."""
        while of.name in self.types and self.types[of.name].kind == "alias":
            of = self.types[of.name].target
        return of


def parse_type(text):
    """Type of a text such as list(tuple(string,string)); ValueError if it is none."""
    result, rest = _parse_type(text.replace(" ", ""))
    if rest:
        raise ValueError(f"'{rest}' is left over in type '{text}'")
    return result


def _parse_type(text):
    match = re.match(r"[A-Za-z_][A-Za-z0-9_.]*", text)
    if not match:
        raise ValueError(f"no type at '{text}'")
    name, rest = match.group(), text[match.end():]
    args = []
    while rest.startswith("(" if not args else ","):
        arg, rest = _parse_type(rest[1:])
        args.append(arg)
    if args:
        if not rest.startswith(")"):
            raise ValueError(f"')' is missing after '{name}(...'")
        rest = rest[1:]
    wanted = {"list": 1, "option": 1, "tuple": 2}.get(name, 0)
    if len(args) < wanted or (wanted < 2 and len(args) > wanted):
        raise ValueError(f"'{name}' takes {wanted or 'no'} arguments, not {len(args)}")
    return Type(name, tuple(args)), rest


class Loader:
    """One reading of one file; complaints gather in self.complaints."""

    def __init__(self, path):
        self.path = path
        self.model = Model()
        self.complaints = []

    def complain(self, block, text):
        self.complaints.append(f"{self.path}: {block}: {text}")

    def check_keys(self, block, data, allowed):
        for key in data:
            if key not in allowed:
                self.complain(block, f"unknown key '{key}'")
        if not isinstance(data.get("doc"), str) or not data["doc"].strip():
            self.complain(block, "no doc")

    def type_of(self, block, text):
        if not isinstance(text, str):
            self.complain(block, "no type")
            return Type("string")
        try:
            return parse_type(text)
        except ValueError as error:
            self.complain(block, str(error))
            return Type("string")

    def members_of(self, block, table, may_be_unit=False):
        members = []
        for name, data in table.items():
            where = f"{block}: {name}"
            if not NAME.match(name):
                self.complain(where, "not a name")
            self.check_keys(where, data, MEMBER_KEYS)
            of = None if may_be_unit and "type" not in data else self.type_of(where, data.get("type"))
            members.append(Member(name, of, data.get("doc", ""), data.get("optional", False), data.get("addition", False)))
        return tuple(members)

    def load_type(self, name, data):
        block = f"types.{name}"
        self.check_keys(block, data, TYPE_KEYS)
        kinds = [kind for kind in ("alias", "struct", "variant") if kind in data]
        if len(kinds) != 1:
            self.complain(block, "must be exactly one of alias, struct, variant")
            return
        kind, addition = kinds[0], data.get("addition", False)
        if kind == "alias":
            self.model.types[name] = TypeBlock(name, kind, data.get("doc", ""), addition, target=self.type_of(block, data["alias"]))
            return
        members = self.members_of(block, data[kind], may_be_unit=kind == "variant")
        self.model.types[name] = TypeBlock(name, kind, data.get("doc", ""), addition, members=members)

    def load_method(self, name, data):
        block = f"methods.{name}"
        self.check_keys(block, data, METHOD_KEYS)
        if name.count(".") != 1 or not all(NAME.match(part) for part in name.split(".")):
            self.complain(block, "a method is named Interface.method")
        outputs = self.members_of(f"{block}: out", data.get("out", {}))
        if len(outputs) > 1:
            self.complain(block, "more than one result")
        if data.get("pending") and (data.get("waits") or data.get("writes")):
            self.complain(block, "pending says that nothing is done: no waits or writes beside it")
        inputs = (Member("dbg", Type("debug_info"), "the caller's mark for the log", optional=True),)
        self.model.methods[name] = Method(
            name, data.get("doc", ""), data.get("addition", False), data.get("writes", False), data.get("waits", False),
            data.get("pending", False), data.get("alias"), inputs + self.members_of(f"{block}: in", data.get("in", {})),
            outputs[0] if outputs else None)

    def load_exception(self, name, data):
        block = f"exceptions.{name}"
        self.check_keys(block, data, EXCEPTION_KEYS)
        args = []
        for arg in data.get("args", []):
            of = self.type_of(block, arg.get("type"))
            if not NAME.match(arg.get("name", "")):
                self.complain(block, "an argument has no name")
            args.append(Member(arg.get("name", "argument"), of, ""))
        self.model.exceptions[name] = DomainException(name, data.get("doc", ""), data.get("addition", False), tuple(args))

    def load_tuple(self, text, data):
        block = f"tuples.{text}"
        of = self.type_of(block, text)
        members = data.get("members", [])
        if len(members) != len(of.args):
            self.complain(block, f"{len(members)} member names for {len(of.args)} members")
        self.model.tuples[str(of)] = (data.get("name", "tuple"), tuple(members))

    def check_type(self, block, of):
        if of.name in ("list", "option", "tuple"):
            for arg in of.args:
                self.check_type(block, arg)
            if of.name == "tuple" and str(of) not in self.model.tuples and str(of) != "tuple(string,string)":
                self.complain(block, f"{of} has no name in tuples")
        elif of.name not in PRIMITIVES and of.name not in self.model.types:
            self.complain(block, f"unknown type '{of.name}'")

    def check_loops(self):
        """A struct holds its members by value, so it cannot hold itself."""
        done = set()

        def visit(name, path):
            if name in path:
                self.complain(f"types.{name}", "holds itself")
                return
            if name in done or name not in self.model.types:
                return
            block = self.model.types[name]
            for of in [block.target] if block.kind == "alias" else [member.type for member in block.members]:
                for held in _held(of):
                    visit(held, path | {name})
            done.add(name)

        for name in self.model.types:
            visit(name, frozenset())

    def check(self):
        for name, block in self.model.types.items():
            if block.kind == "alias":
                self.check_type(f"types.{name}", block.target)
            for member in block.members:
                if member.type is not None:
                    self.check_type(f"types.{name}: {member.name}", member.type)
        for name, method in self.model.methods.items():
            for member in method.inputs[1:] + ((method.output,) if method.output else ()):
                self.check_type(f"methods.{name}: {member.name}", member.type)
        for name, exception in self.model.exceptions.items():
            for arg in exception.args:
                self.check_exception_arg(f"exceptions.{name}: {arg.name}", arg.type)
        for text in self.model.tuples:
            self.check_type(f"tuples.{text}", parse_type(text))
        self.check_loops()

    def check_exception_arg(self, block, of):
        base = self.model.types.get(of.name)
        is_enum = base is not None and base.kind == "variant" and all(member.type is None for member in base.members)
        if not is_enum and str(of) not in ("string", "int64", "list(string)"):
            self.complain(block, f"an exception cannot carry {of}")


def _held(of):
    if of is None:
        return []
    if of.args:
        return [name for arg in of.args for name in _held(arg)]
    return [of.name]


def load(path, text=None):
    """The model in the file @path (or in @text, under that name); ModelError with every complaint."""
    loader = Loader(path)
    try:
        if text is None:
            with open(path, "rb") as file:
                data = tomllib.load(file)
        else:
            data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path}: file: {error}") from error
    loaders = {"types": loader.load_type, "methods": loader.load_method, "exceptions": loader.load_exception, "tuples": loader.load_tuple}
    for section, blocks in data.items():
        if section not in loaders:
            loader.complain(section, "unknown section")
            continue
        for name, block in blocks.items():
            loaders[section](name, block)
    loader.model.types.setdefault("debug_info", TypeBlock("debug_info", "alias", "mark", False, target=Type("string")))
    loader.check()
    if loader.complaints:
        raise ModelError("\n".join(loader.complaints))
    return loader.model
