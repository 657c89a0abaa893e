# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back ends for src/model: constants, type descriptors and the tables of classes and messages."""
import json

from model import resolve_mark
from names import (banner, boolean, camel, class_constant, enum_base, field_constant, lower, message_constant, quote,
                   ref_struct, type_symbol, upper, wrap_comment)


def each_message(model):
    for cls in model.classes.values():
        for message in cls.messages.values():
            yield cls, message


def all_types(model):
    """Every type in use with its parts, parts first."""
    found = {}

    def visit(a_type):
        for part in (a_type.key, a_type.element):
            if part:
                visit(part)
        found.setdefault(type_symbol(a_type), a_type)

    for cls in model.classes.values():
        for field in cls.fields.values():
            visit(field.type)
    for _, message in each_message(model):
        visit(message.result)
        for param in message.params:
            visit(param.type)
    return found


def enums_h(model):
    out = [banner("model/enums.toml"), "#pragma once\n\n#include \"value/type.h\"\n"]
    for name, members in model.enums.items():
        base = enum_base(name)
        out.append(f"\n/* {wrap_comment(model.enum_docs[name].get('doc', ''))} */\ntypedef enum {camel(base)} {{\n")
        docs = model.enum_docs[name]["members"]
        out += [f"    {upper(base)}_{upper(member)}, /* {wrap_comment(docs[member])} */\n" for member in members]
        out.append(f"    {upper(base)}_N,\n}} {camel(base)};\n")
        out.append(f"extern const TypeEnum enum_{name};\n")
        out.append(f"const char *{lower(base)}_name({camel(base)} value); /* wire spelling */\n")
    return "".join(out)


def enums_c(model):
    out = [banner("model/enums.toml"), '#include "model/enums.h"\n']
    for name, members in model.enums.items():
        rows = ", ".join(quote(member) for member in members)
        out.append(f"\nstatic const char *const {lower(name)}_members[] = {{{rows}, NULL}};\n")
        out.append(f"const TypeEnum enum_{name} = {{{quote(name)}, {lower(name)}_members}};\n\n")
        base = enum_base(name)
        out.append(f"const char *\n{lower(base)}_name({camel(base)} value)\n{{\n    return {lower(name)}_members[value];\n}}\n")
    return "".join(out)


def types_h(model):
    out = [banner("model/classes/"), "#pragma once\n\n#include \"value/type.h\"\n\n"]
    out += [f"extern const Type {symbol};\n" for symbol in sorted(all_types(model))]
    return "".join(out)


def type_row(symbol, a_type):
    kind = f"TYPE_{a_type.kind.upper()}"
    parts = [kind, quote(str(a_type))]
    parts.append(f"&{type_symbol(a_type.key)}" if a_type.key else "NULL")
    parts.append(f"&{type_symbol(a_type.element)}" if a_type.element else "NULL")
    parts.append(f"&enum_{a_type.name}" if a_type.kind == "enum" else "NULL")
    parts.append(class_constant(a_type.name) if a_type.kind in ("ref", "record") else "-1")
    return f"const Type {symbol} = {{{', '.join(parts)}}};\n"


def types_c(model):
    out = [banner("model/classes/"), '#include "model/types.h"\n#include "model/classes.h"\n#include "model/enums.h"\n\n']
    out += [type_row(symbol, a_type) for symbol, a_type in all_types(model).items()]
    return "".join(out)


def classes_h(model):
    out = [banner("model/classes/"), "#pragma once\n\n#include \"model/model.h\"\n\n/* Indices of model_classes. */\nenum {\n"]
    out += [f"    {class_constant(name)},\n" for name in model.classes]
    out.append("    CLASS_N,\n};\n")
    for cls in model.classes.values():
        if not cls.fields:
            continue
        out.append(f"\n/* Fields of {cls.name}, indices of its rows. */\nenum {{\n")
        out += [f"    {field_constant(cls.name, name)},\n" for name in cls.fields]
        out.append(f"    {upper(cls.name)}_N_FIELDS,\n}};\n")
    out.append("\n/* A reference of each class, so that mixing them up does not compile. The text is borrowed from the call. */\n")
    for name in model.classes:
        out.append(f"typedef struct {ref_struct(name)} {{\n    const char *id;\n}} {ref_struct(name)};\n")
    return "".join(out)


def field_index(cls, name):
    return field_constant(cls.name, name) if name in cls.fields else "-1"


def key_role_rows(cls, field):
    """The keys of one map field that have roles of their own."""
    rows = "".join(f"{{{quote(key)}, ROLE_{upper(role)}}}, " for key, role in field.key_roles.items())
    return f"static const ModelKeyRole {lower(cls.name)}__{lower(field.name)}_key_roles[] = {{{rows}{{NULL, ROLE_N}}}};\n"


def class_fields(model, cls):
    """The field table of one class."""
    out = [key_role_rows(cls, field) for field in cls.fields.values() if field.key_roles]
    out.append(f"static ModelField {lower(cls.name)}_fields[] = {{\n")
    for field in cls.fields.values():
        row = [quote(field.name), f"&{type_symbol(field.type)}", f"FIELD_{field.qualifier.upper()}",
               boolean(field.persistent and cls.persistent), boolean(bool(field.derived_from)),
               boolean(field.default is not None or field.qualifier == "ROrun")]
        if field.derived_from:
            peer_class, peer_field = field.derived_from.split(".")
            row += [class_constant(peer_class), field_constant(peer_class, peer_field)]
        else:
            row += ["-1", "-1"]
        row.append(f"ON_DELETE_{field.on_delete.upper()}")
        row.append("NULL" if field.default is None else quote(json.dumps(field.default)))
        row += ["NULL", quote(field.doc), f"{lower(cls.name)}__{lower(field.name)}_key_roles" if field.key_roles else "NULL"]
        out.append(f"    {{{', '.join(row)}}},\n")
    return "".join(out) + "};\n\n"


def classes_c(model):
    out = [banner("model/classes/"),
           '#include "model/classes.h"\n#include "model/enums.h"\n#include "model/types.h"\n\n/* clang-format off */\n']
    out += [class_fields(model, cls) for cls in model.classes.values() if cls.fields]
    out.append("ModelClass model_classes[] = {\n")
    for cls in model.classes.values():
        operations = cls.fields.get("allowed_operations")
        row = [quote(cls.name), quote(cls.name.lower()), boolean(cls.persistent), boolean(cls.rows), boolean(cls.events),
               f"{lower(cls.name)}_fields" if cls.fields else "NULL", str(len(cls.fields))]
        row += [field_index(cls, n) for n in ("uuid", "name_label", "allowed_operations", "current_operations")]
        row += [f"&enum_{operations.type.element.name}" if operations else "NULL", quote(cls.doc)]
        out.append(f"    [{class_constant(cls.name)}] = {{{', '.join(row)}}},\n")
    out.append("};\nconst gsize model_n_classes = CLASS_N;\n")
    roles = ", ".join(quote(role) for role in model.roles)
    out.append(f"const char *const model_role_names[ROLE_N] = {{{roles}}};\n")
    docs = ", ".join(quote(doc) for doc in model.roles.values())
    out.append(f"const char *const model_role_docs[ROLE_N] = {{{docs}}};\n")
    permissions = "".join(f"    {{{quote(name)}, ROLE_{upper(role)}}},\n" for name, role in model.permissions.items())
    out.append(f"const ModelPermission model_permissions[] = {{\n{permissions}    {{NULL, ROLE_N}},\n}};\n")
    out.append(f"const gsize model_n_permissions = {len(model.permissions)};\n/* clang-format on */\n")
    return "".join(out)


def messages_h(model):
    out = [banner("model/classes/"), "#pragma once\n\n#include \"model/model.h\"\n\n/* Indices of model_messages. */\nenum {\n"]
    out += [f"    {message_constant(cls.name, message.name)},\n" for cls, message in each_message(model)]
    out.append("    MSG_N,\n};\n")
    return "".join(out)


def engine_rows(model, cls, message):
    """Tables and the ModelEngine of one message."""
    symbol = f"{lower(cls.name)}__{lower(message.name)}"
    engine, out = message.engine, []

    def names(what, values):
        rows = ", ".join(quote(value) for value in values)
        out.append(f"static const char *const {symbol}_{what}[] = {{{rows}{', ' if rows else ''}NULL}};\n")
        return f"{symbol}_{what}"

    states = names("states", engine["from_states"]) if "from_states" in engine else "NULL"
    conflicts = engine.get("conflicts", "any")
    conflicts = names("conflicts", conflicts) if isinstance(conflicts, list) else "NULL"
    marks = []
    for target, operation in engine.get("marks", {}).items():
        index, relation, marked = resolve_mark(model, message, target)
        relation = field_constant(message.params[index].type.name, relation) if relation else "-1"
        marks.append(f"{{{index}, {relation}, {class_constant(marked)}, {quote(operation)}}}")
    if marks:
        out.append(f"static const ModelMark {symbol}_marks[] = {{{', '.join(marks)}}};\n")
    row = [states, f"{symbol}_marks" if marks else "NULL", str(len(marks)), conflicts,
           f"RUNS_ON_{engine.get('runs_on', 'any').upper()}", boolean(engine.get("templates", False)),
           boolean(engine.get("control_domain", False))]
    out.append(f"static const ModelEngine {symbol}_engine = {{{', '.join(row)}}};\n")
    return "".join(out)


def param_rows(cls, message):
    rows = []
    for param in message.params:
        default = "NULL" if param.default is None else quote(json.dumps(param.default))
        rows.append(f"{{{quote(param.name)}, &{type_symbol(param.type)}, {default}, NULL}}")
    return f"static ModelParam {lower(cls.name)}__{lower(message.name)}_params[] = {{{', '.join(rows)}}};\n"


def message_row(model, cls, message):
    symbol = f"{lower(cls.name)}__{lower(message.name)}"
    required = sum(1 for param in message.params if param.default is None)
    internal = message.role == "internal"
    row = [quote(f"{cls.name}.{message.name}"), class_constant(cls.name), f"MESSAGE_{message.kind}",
           field_constant(cls.name, message.field) if message.field else "-1",
           f"{symbol}_params" if message.params else "NULL", str(len(message.params)), str(required),
           f"&{type_symbol(message.result)}", boolean(message.session), boolean(message.has_async), boolean(message.handled),
           boolean(f"{cls.name}.{message.name}" in model.pending), boolean(internal),
           boolean(message.newer), "ROLE_POOL_ADMIN" if internal else f"ROLE_{upper(message.role)}",
           f"&{symbol}_engine" if message.engine else "NULL", quote(message.doc)]
    return f"    [{message_constant(cls.name, message.name)}] = {{{', '.join(row)}}},\n"


def messages_c(model):
    out = [banner("model/classes/"),
           '#include "model/messages.h"\n#include "model/classes.h"\n#include "model/types.h"\n\n/* clang-format off */\n']
    for cls, message in each_message(model):
        if message.params:
            out.append(param_rows(cls, message))
        if message.engine:
            out.append(engine_rows(model, cls, message))
    out.append("\nModelMessage model_messages[] = {\n")
    out += [message_row(model, cls, message) for cls, message in each_message(model)]
    out.append("};\nconst gsize model_n_messages = MSG_N;\n/* clang-format on */\n")
    return "".join(out)
