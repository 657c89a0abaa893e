# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values of the domain interface's types in one form, however they came: model/domain.toml read once more, independently of the service.

The form: a struct is a dict, members left out being none or empty; a variant is "Name" or ["Name", payload]; an option is None or the
value; a map of texts is a dict, any other tuple a list.
"""

import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "gen"))

import domain_dbus  # noqa: E402
import domain_model  # noqa: E402

MODEL = domain_model.load(str(TREE / "model/domain.toml"))
SIGNATURES = domain_dbus.Signatures(MODEL)
ZERO = {"string": "", "int64": 0, "float": 0.0, "bool": False}
MAP = "list(tuple(string,string))"


def block_of(of):
    return MODEL.types[of.name]


def printed_members(block):
    """What of a struct or variant is on the bus."""
    return [member for member in block.members if not SIGNATURES.is_unprinted(block.name in SIGNATURES.frozen, member)]


# ---- XML-RPC

def from_xml(of, value):
    """What xmlrpc.client has made of a value: its 64-bit numbers are texts."""
    of = MODEL.resolve(of)
    if of.name in ZERO:
        return type(ZERO[of.name])(value)
    if str(of) == MAP:
        return value
    if of.name == "option":
        return None if value is None else from_xml(of.args[0], value)
    if of.name == "list":
        return [from_xml(of.args[0], item) for item in value]
    if of.name == "tuple":
        return [from_xml(arg, item) for arg, item in zip(of.args, value, strict=True)]
    if block_of(of).kind == "struct":
        return {member.name: from_xml(member.type, value.get(member.name)) if member.name in value else None
                for member in block_of(of).members}
    if isinstance(value, str):
        return value
    return [value[0], from_xml(next(member.type for member in block_of(of).members if member.name == value[0]), value[1])]


def to_xml(of, value):
    """For xmlrpc.client, which sends a number of 64 bits only as text; what is none is left out."""
    of = MODEL.resolve(of)
    if of.name == "int64":
        return str(value)
    if of.name in ZERO or str(of) == MAP:
        return value
    if of.name == "option":
        return None if value is None else to_xml(of.args[0], value)
    if of.name == "list":
        return [to_xml(of.args[0], item) for item in value]
    if of.name == "tuple":
        return [to_xml(arg, item) for arg, item in zip(of.args, value, strict=True)]
    block = block_of(of)
    if block.kind == "struct":
        types = {member.name: member.type for member in block.members}
        return {name: to_xml(types[name], item) for name, item in value.items() if item is not None}
    if isinstance(value, str):
        return value
    return [value[0], to_xml(next(member.type for member in block.members if member.name == value[0]), value[1])]


# ---- D-Bus

def to_bus(of, value):
    """The values that a type is in a row of a structure; @value None: zeros."""
    of = MODEL.resolve(of)
    if of.name in ZERO:
        return [ZERO[of.name] if value is None else value]
    if str(of) == MAP:
        return [value or {}]
    if of.name == "option":
        return [(value is not None, *to_bus(of.args[0], value))]
    if of.name == "list":
        return [[whole_to_bus(of.args[0], item) for item in value or []]]
    if of.name == "tuple":
        return [item for arg, member in zip(of.args, value or [None] * len(of.args), strict=True) for item in to_bus(arg, member)]
    block = block_of(of)
    if block.kind == "struct":
        return [tuple(item for member in printed_members(block) for item in to_bus(member.type, (value or {}).get(member.name)))]
    return [variant_to_bus(block, value)]


def variant_to_bus(block, value):
    name = block.members[0].name if value is None else value if isinstance(value, str) else value[0]
    payload = value[1] if isinstance(value, list) else None
    index = [member.name for member in block.members].index(name)
    payloads = [item for member in block.members if member.type
                for item in to_bus(member.type, payload if member.name == name else None)]
    return (index, tuple(payloads)) if payloads else (index,)


def whole_to_bus(of, value):
    """One value: an argument or a list's item."""
    row = to_bus(of, value)
    return tuple(row) if MODEL.resolve(of).name == "tuple" else row[0]


def from_bus(of, row):
    """Takes a type's values from the iterator of a structure."""
    of = MODEL.resolve(of)
    if of.name == "tuple":
        return [from_bus(arg, row) for arg in of.args]
    value = next(row)
    if of.name in ZERO or str(of) == MAP:
        return value
    if of.name == "option":
        inner = iter(value)
        return from_bus(of.args[0], inner) if next(inner) else None
    if of.name == "list":
        return [whole_from_bus(of.args[0], item) for item in value]
    block = block_of(of)
    inner = iter(value)
    if block.kind == "struct":
        return {member.name: from_bus(member.type, inner) for member in printed_members(block)}
    chosen = block.members[next(inner)]
    payloads = iter(next(inner, ()))
    found = {member.name: from_bus(member.type, payloads) for member in block.members if member.type}
    return [chosen.name, found[chosen.name]] if chosen.type else chosen.name


def whole_from_bus(of, value):
    return from_bus(of, iter(value if MODEL.resolve(of).name == "tuple" else [value]))
