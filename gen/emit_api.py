# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back end for src/api: argument structs, prototypes of the handlers, and the table that unpacks values and calls them."""
from emit_model import each_message
from names import banner, camel, enum_base, identifier, lower, message_constant, ref_struct, wrap_comment


def handled(model):
    for cls, message in each_message(model):
        if message.handled and f"{cls.name}.{message.name}" not in model.pending:
            yield cls, message


def function(cls, message):
    return f"api_{lower(cls.name)}__{lower(message.name)}"


def struct(cls, message):
    return f"{camel(cls.name)}{camel(message.name)}Args"


def c_type(a_type):
    return {"string": "const char *", "datetime": "const char *", "int": "gint64 ", "float": "double ", "bool": "gboolean ",
            "ref": f"{ref_struct(a_type.name)} ", "enum": f"{camel(enum_base(a_type.name))} "}.get(a_type.kind, "Value *")


def unpack(param, index):
    value = f"params[{index}]"
    name = identifier(param.name)
    match param.type.kind:
        case "string" | "datetime":
            return f".{name} = value_get_string({value})"
        case "int" | "float" | "bool":
            return f".{name} = value_get_{param.type.kind}({value})"
        case "ref":
            return f".{name} = {{value_get_string({value})}}"
        case "enum":
            return f".{name} = ({camel(enum_base(param.type.name))})type_enum_index(&enum_{param.type.name}, value_get_string({value}))"
    return f".{name} = {value}"


def prototype(cls, message):
    result = "" if message.result.kind == "void" else "Value **ret_value, "
    args = f"const {struct(cls, message)} *args, " if message.params else ""
    return f"{function(cls, message)}(ApiCall *call, {args}{result}GError **error)"


def handlers_h(model):
    out = [banner("model/classes/"), "#pragma once\n\n#include \"model/classes.h\"\n#include \"model/enums.h\"\n",
           '#include "model/errors.h"\n#include "model/messages.h"\n#include "rpc/rpc.h"\n\n',
           "/* Arguments are borrowed from the call and checked against their types; sets, maps and records are Values.\n",
           " * A handler that answers writes *ret_value (transfer full) on success only. */\n"]
    for cls, message in handled(model):
        if message.params:
            out.append(f"\ntypedef struct {struct(cls, message)} {{\n")
            out += [f"    {c_type(param.type)}{identifier(param.name)}; /* {wrap_comment(param.doc)} */\n"
                    for param in message.params]
            out.append(f"}} {struct(cls, message)};\n")
        out.append(f"\n/** {wrap_comment(message.doc)} */\ngboolean {prototype(cls, message)};\n")
    out.append("\n/* By message index; NULL for messages without a handler of their own, or pending ones. */\n"
               "extern const RpcHandler api_handlers[];\n")
    return "".join(out)


def handlers_c(model):
    out = [banner("model/classes/"), '#include "api/handlers.h"\n']
    for cls, message in handled(model):
        call = ["call"] + (["&args"] if message.params else [])
        call += ([] if message.result.kind == "void" else ["ret_value"]) + ["error"]
        out.append(f"\nstatic gboolean\ncall_{lower(cls.name)}__{lower(message.name)}(ApiCall *call, Value *const *params, "
                   "Value **ret_value, GError **error)\n{\n")
        if message.params:
            rows = [unpack(param, index) for index, param in enumerate(message.params)]
            out.append(f"    const {struct(cls, message)} args = {{{', '.join(rows)}}};\n\n")
        out.append(f"    return {function(cls, message)}({', '.join(call)});\n}}\n")
    out.append("\n/* clang-format off */\nconst RpcHandler api_handlers[MSG_N] = {\n")
    out += [f"    [{message_constant(cls.name, message.name)}] = call_{lower(cls.name)}__{lower(message.name)},\n"
            for cls, message in handled(model)]
    out.append("};\n/* clang-format on */\n")
    return "".join(out)
