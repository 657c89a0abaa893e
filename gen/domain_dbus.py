# SPDX-License-Identifier: LGPL-2.1-or-later
"""The domain service on D-Bus: signatures of types, and the introspection data. gen/domain.py writes what is made here.

A struct is a structure of its members; a variant is the number of its constructor with a structure of all payloads, of which one counts;
an option is a boolean with the value. The document prints a tuple without brackets and a variant without any payload as "(i())", which
D-Bus does not know: it has no empty structure, and an argument or an element of an array is one type. On the bus, and only where one of
these rules is broken, the empty structure is left out and a tuple has brackets.
"""

from xml.sax.saxutils import quoteattr

SIGNATURES = {"string": "s", "int64": "x", "float": "d", "bool": "b"}
# Of the D-Bus specification.
MAX_SIGNATURE = 255
MAX_DEPTH = 32

NAME = "org.xylem.Xenops1"
PATH = "/org/xylem/Xenops1"
PRINTED = f"{NAME}.Printed"
DOC = "org.gtk.GDBus.DocString"


class Signatures:
    """Signatures of the types of one model."""

    def __init__(self, model):
        self.model = model
        self.frozen = set()  # names of types that the document prints as part of a method
        for method in model.methods.values():
            for member in [] if method.addition else [*method.inputs, *outputs(method)]:
                if not member.addition:
                    self.freeze(member.type)

    def freeze(self, of):
        """Marks a type and what it is made of."""
        for arg in of.args:
            self.freeze(arg)
        block = self.model.types.get(of.name)
        if block is None or of.name in self.frozen:
            return
        self.frozen.add(of.name)
        for inner in [block.target] if block.kind == "alias" else [member.type for member in block.members]:
            if inner is not None:
                self.freeze(inner)

    def is_unprinted(self, owner_is_printed, member):
        """Whether a member or argument stays off the bus, so that what the document prints keeps its signature."""
        return owner_is_printed and member.addition

    def of_members(self, owner_is_printed, members, is_wire):
        """Of members in a row."""
        return "".join(self.of(member.type, is_wire) for member in members
                       if member.type is not None and not self.is_unprinted(owner_is_printed, member))

    def of_block(self, block, is_wire):
        """Of a struct or variant."""
        inner = self.of_members(block.name in self.frozen, block.members, is_wire)
        if block.kind == "struct":
            return f"({inner})"
        return "(i)" if is_wire and not inner else f"(i({inner}))"

    def of(self, of, is_wire):
        """As the document prints it, or as it is on the bus."""
        of = self.model.resolve(of)
        if of.name in SIGNATURES:
            return SIGNATURES[of.name]
        if str(of) == "list(tuple(string,string))":
            return "a{ss}"
        if of.name == "list":
            return "a" + (self.whole(of.args[0]) if is_wire else self.of(of.args[0], is_wire))
        if of.name == "option":
            return f"(b{self.of(of.args[0], is_wire)})"
        if of.name == "tuple":
            return "".join(self.of(arg, is_wire) for arg in of.args)
        return self.of_block(self.model.types[of.name], is_wire)

    def printed(self, of):
        """As the document prints it."""
        return self.of(of, False)

    def whole(self, of):
        """On the bus, as an argument or an element: one type."""
        of = self.model.resolve(of)
        signature = self.of(of, True)
        return f"({signature})" if of.name == "tuple" else signature

    def of_args(self, method):
        """On the bus, all of a method's arguments."""
        return self.of_members(not method.addition, method.inputs, True)


def outputs(method):
    """The result as a list."""
    return [method.output] if method.output else []


def depth(signature):
    """(structures, arrays) within each other."""
    deepest = [0, 0]
    structs, arrays, run = 0, 0, 0
    opened = []  # arrays that end with the structure
    for letter in signature:
        if letter == "a":
            run += 1
        elif letter in "({":
            opened.append(run)
            structs, arrays, run = structs + 1, arrays + run, 0
        elif letter in ")}":
            structs, arrays, run = structs - 1, arrays - opened.pop(), 0
        else:
            run = 0
        deepest = [max(deepest[0], structs), max(deepest[1], arrays + run)]
    return tuple(deepest)


def complaints(model):
    """What D-Bus would not take."""
    signatures = Signatures(model)
    found = []
    for name, method in model.methods.items():
        for what, text in (("arguments", signatures.of_args(method)),
                           ("result", "".join(signatures.whole(member.type) for member in outputs(method)))):
            if len(text) > MAX_SIGNATURE:
                found.append(f"methods.{name}: the signature of its {what} has {len(text)} characters, {MAX_SIGNATURE} are allowed")
            if max(depth(text)) > MAX_DEPTH:
                found.append(f"methods.{name}: its {what} are nested deeper than {MAX_DEPTH}")
    return found


def annotation(indent, name, value):
    """One line."""
    return f"{indent}<annotation name={quoteattr(name)} value={quoteattr(value)}/>"


def arg_lines(signatures, method, member, direction):
    """One argument, with the signature that the document prints if D-Bus does not take that."""
    wire, printed = signatures.whole(member.type), signatures.printed(member.type)
    yield f'      <arg type="{wire}" name="{member.name}" direction="{direction}">'
    yield annotation("        ", DOC, member.doc)
    if wire != printed and not method.addition:
        yield annotation("        ", PRINTED, printed)
    yield "      </arg>"


def method_lines(signatures, method):
    """One method."""
    yield f'    <method name="{method.name.split(".")[1]}">'
    yield annotation("      ", DOC, method.doc)
    for member in method.inputs:
        if not signatures.is_unprinted(not method.addition, member):
            yield from arg_lines(signatures, method, member, "in")
    for member in outputs(method):
        yield from arg_lines(signatures, method, member, "out")
    yield "    </method>"


def xml_lines(model):
    """The introspection data of the one object, one interface per interface of the document."""
    signatures = Signatures(model)
    yield "<!-- Made from model/domain.toml by gen/domain_dbus.py; not to be edited. -->"
    yield "<node>"
    for interface in dict.fromkeys(method.interface for method in model.methods.values()):
        yield f'  <interface name="{NAME}.{interface}">'
        for method in model.methods.values():
            if method.interface == interface:
                yield from method_lines(signatures, method)
        yield "  </interface>"
    yield "</node>"


def introspection(model):
    """The text of the introspection data."""
    return "\n".join(xml_lines(model)) + "\n"
