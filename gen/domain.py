#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the domain service's C from model/domain.toml: types, codecs' tables, exception setters, method table.

Usage: domain.py MODEL OUTDIR writes types.h types.c methods.h methods.c introspection.c and org.xylem.Xenops1.xml there.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import domain_dbus  # noqa: E402
import domain_model  # noqa: E402
from domain_model import Type  # noqa: E402

PRIMITIVE_C = {"string": "char *", "int64": "gint64 ", "float": "double ", "bool": "gboolean "}
BANNER = "/* Made from model/domain.toml by gen/domain.py; not to be edited. */\n"


def snake(name):
    """Vm.hvm_info -> vm_hvm_info, ReadOnly -> read_only, VDI -> vdi."""
    parts = []
    for part in name.replace(".", "_").split("_"):
        parts += re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", part)
    return "_".join(part.lower() for part in parts)


def camel(name):
    return "".join(part.capitalize() for part in snake(name).split("_"))


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Names:
    """C names of type expressions of one model."""

    def __init__(self, model):
        self.model = model
        self.signatures = domain_dbus.Signatures(model)

    def is_enum(self, of):
        block = self.model.types.get(self.model.resolve(of).name)
        return block is not None and block.kind == "variant" and all(member.type is None for member in block.members)

    def stem(self, of):
        """What the C names of a type are made of: vm_t, string_list, vm_entry."""
        of = self.model.resolve(of)
        if str(of) == "list(tuple(string,string))":
            return "string_map"
        if of.name == "tuple":
            return snake(self.model.tuples[str(of)][0])
        if of.name in ("list", "option"):
            return f"{self.stem(of.args[0])}_{of.name}"
        return snake(of.name)

    def c_type(self, of):
        """The C type, ready for a name to follow: 'char *', 'DomainVmT '."""
        of = self.model.resolve(of)
        if of.name in PRIMITIVE_C:
            return PRIMITIVE_C[of.name]
        if str(of) == "list(string)":
            return "char **"
        if str(of) == "list(tuple(string,string))":
            return "Value *"
        if of.name == "option":
            inner = self.model.resolve(of.args[0])
            return "char *" if inner.name == "string" else f"{self.c_type(inner).rstrip()} *"
        return f"Domain{camel(self.stem(of))} "

    def descriptor(self, of):
        return f"domain_type_{self.stem(of)}"

    def constant(self, type_name, member_name):
        return f"DOMAIN_{snake(type_name).upper()}_{snake(member_name).upper()}"


class Order:
    """Every type expression the model uses that needs C of its own, each after what it is made of."""

    def __init__(self, model):
        self.model = model
        self.expressions = []
        self.seen = set()
        for name in model.types:
            self.visit(Type(name))
        for method in model.methods.values():
            for member in method.inputs + ((method.output,) if method.output else ()):
                self.visit(member.type)

    def visit(self, of):
        of = self.model.resolve(of)
        key = str(of)
        if key in self.seen or of.name in domain_model.PRIMITIVES:
            return
        self.seen.add(key)
        if key in ("list(string)", "list(tuple(string,string))"):
            return
        block = self.model.types.get(of.name)
        for inner in of.args or [member.type for member in block.members]:
            if inner is not None:
                self.visit(inner)
        self.expressions.append(of)


# ---- types.h


def enum_block(names, block):
    lines = [f"/* {block.doc} */", "typedef enum " + f"Domain{camel(block.name)}" + " {"]
    lines += [f"    {names.constant(block.name, member.name)}, /* {member.doc} */" for member in block.members]
    lines.append(f"}} Domain{camel(block.name)};")
    lines.append(f"#define DOMAIN_{snake(block.name).upper()}_N {len(block.members)}")
    return "\n".join(lines)


def struct_block(names, c_name, doc, members):
    lines = [f"/* {doc} */", f"typedef struct {c_name} {{"]
    for name, of, text in members:
        lines.append(f"    {names.c_type(of)}{snake(name)};" + (f" /* {text} */" if text else ""))
    lines.append(f"}} {c_name};")
    return "\n".join(lines)


def variant_block(names, block):
    c_name = f"Domain{camel(block.name)}"
    lines = [f"/* {block.doc} */", f"typedef enum {c_name}Tag {{"]
    lines += [f"    {names.constant(block.name, member.name)}, /* {member.doc} */" for member in block.members]
    lines += [f"}} {c_name}Tag;", f"typedef struct {c_name} {{", f"    {c_name}Tag tag;", "    union {"]
    lines += [f"        {names.c_type(member.type)}{snake(member.name)};" for member in block.members if member.type]
    lines += ["    };", f"}} {c_name};"]
    return "\n".join(lines)


def type_block(names, of):
    """The C definition of one type expression."""
    model = names.model
    c_name = f"Domain{camel(names.stem(of))}"
    if of.name == "list":
        return f"typedef struct {c_name} {{\n    {names.c_type(of.args[0])}*items;\n    gsize n;\n}} {c_name};"
    if of.name == "tuple":
        members = zip(model.tuples[str(of)][1], of.args, [""] * len(of.args))
        return struct_block(names, c_name, str(of), members)
    block = model.types[of.name]
    if names.is_enum(of):
        return enum_block(names, block)
    if block.kind == "variant":
        return variant_block(names, block)
    return struct_block(names, c_name, block.doc, [(member.name, member.type, member.doc) for member in block.members])


def function_block(names, of):
    """The typed faces of the engine for one type expression."""
    stem, c_name = names.stem(of), f"Domain{camel(names.stem(of))}"
    lines = [f"extern const DomainType domain_type_{stem};"]
    if names.is_enum(of):
        lines.append(f"/** domain_{stem}_name: as on the wire. */")
        lines.append(f"static inline const char *\ndomain_{stem}_name({c_name} member)\n{{\n"
                     f"    return domain_type_{stem}.members[member].name;\n}}")
        return "\n".join(lines)
    lines.append(f"static inline gboolean\ndomain_{stem}_from_value(Value *value, {c_name} *ret, GError **error)\n{{\n"
                 f"    return domain_type_read(&domain_type_{stem}, value, ret, error);\n}}")
    lines.append(f"static inline Value *\ndomain_{stem}_to_value(const {c_name} *data)\n{{\n"
                 f"    return domain_type_write(&domain_type_{stem}, data);\n}}")
    lines.append(f"static inline void\ndomain_{stem}_clear({c_name} *data)\n{{\n"
                 f"    domain_type_clear(&domain_type_{stem}, data);\n}}")
    lines.append(f"static inline void\ndomain_{stem}_copy(const {c_name} *data, {c_name} *ret)\n{{\n"
                 f"    domain_type_copy(&domain_type_{stem}, data, ret);\n}}")
    lines.append(f"G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC({c_name}, domain_{stem}_clear)")
    return "\n".join(lines)


def setter_prototype(names, exception):
    args = "".join(f", {setter_type(names, arg.type)}{snake(arg.name)}" for arg in exception.args)
    return f"gboolean domain_error_{snake(exception.name)}(GError **error{args})"


def setter_type(names, of):
    if str(of) == "list(string)":
        return "const char *const *"
    return "const char *" if of.name == "string" else names.c_type(of)


def exceptions_header(names):
    exceptions = names.model.exceptions.values()
    lines = ["typedef enum DomainErrorCode {"]
    lines += [f"    DOMAIN_ERROR_{snake(exception.name).upper()}, /* {exception.doc} */" for exception in exceptions]
    lines += ["} DomainErrorCode;", "", "/* One setter per exception; FALSE always. */"]
    lines += [f"{setter_prototype(names, exception)};" for exception in exceptions]
    return "\n".join(lines)


def types_header(names, order):
    parts = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", BANNER.rstrip(), "/* Types and exceptions of the domain service. */",
             "#pragma once\n", '#include "domain/codec.h"\n#include "domain/error.h"\n']
    concrete = [of for of in order.expressions if of.name != "option"]
    parts += [type_block(names, of) + "\n" for of in concrete]
    parts += [function_block(names, of) + "\n" for of in concrete]
    parts.append(exceptions_header(names))
    return "\n".join(parts) + "\n"


# ---- types.c


def c_bool(truth):
    return "TRUE" if truth else "FALSE"


def member_row(names, c_name, name, of, is_optional=False, is_unprinted=False):
    if of is None:
        return f"    {{{c_string(name)}, NULL, 0, FALSE, FALSE}},"
    return (f"    {{{c_string(name)}, &{names.descriptor(of)}, offsetof({c_name}, {snake(name)}), "
            f"{c_bool(is_optional)}, {c_bool(is_unprinted)}}},")


def member_rows(names, c_name, members, is_printed):
    """Rows of a type's members or a method's arguments; @is_printed: of what the document prints."""
    return [member_row(names, c_name, member.name, member.type, member.optional, names.signatures.is_unprinted(is_printed, member))
            for member in members]


def described(kind, name, signature, c_type, element="NULL", members=None):
    table = f"{members}, G_N_ELEMENTS({members})" if members else "NULL, 0"
    return f"{{DOMAIN_KIND_{kind}, {c_string(name)}, {c_string(signature)}, sizeof({c_type}), {element}, {table}}}"


def descriptor_block(names, of):
    model, stem = names.model, names.stem(of)
    c_name = f"Domain{camel(stem)}"
    if of.name in ("list", "option"):
        c_type = c_name if of.name == "list" else names.c_type(of).strip()
        body = described(of.name.upper(), str(of), names.signatures.whole(of), c_type, f"&{names.descriptor(of.args[0])}")
        return f"const DomainType domain_type_{stem} = {body};"
    if of.name == "tuple":
        rows = [member_row(names, c_name, name, inner) for name, inner in zip(model.tuples[str(of)][1], of.args)]
        kind, name = "TUPLE", str(of)
    else:
        block = model.types[of.name]
        rows = member_rows(names, c_name, block.members, block.name in names.signatures.frozen)
        kind = "ENUM" if names.is_enum(of) else block.kind.upper()
        name = of.name
    table = "\n".join([f"static const DomainMember {stem}_members[] = {{"] + rows + ["};"])
    body = described(kind, name, names.signatures.whole(of), c_name, members=f"{stem}_members")
    return f"{table}\nconst DomainType domain_type_{stem} = {body};"


def setter_argument(names, arg):
    """How one typed argument becomes text: (declaration or empty, expression)."""
    name = snake(arg.name)
    if arg.type.name == "int64":
        return f"    g_autofree char *{name}_text = g_strdup_printf(\"%\" G_GINT64_FORMAT, {name});\n", f"{name}_text"
    if names.is_enum(arg.type):
        return "", f"domain_{names.stem(arg.type)}_name({name})"
    return "", name


def setter_block(names, exception):
    head = setter_prototype(names, exception).replace("gboolean ", "gboolean\n", 1)
    lists = [arg for arg in exception.args if str(arg.type) == "list(string)"]
    plain = [arg for arg in exception.args if arg not in lists]
    converted = [setter_argument(names, arg) for arg in plain]
    declarations = "".join(declaration for declaration, _ in converted)
    if lists:
        adds = "".join(f"    g_ptr_array_add(args, (gpointer){expression});\n" for _, expression in converted)
        name = snake(lists[0].name)
        body = (f"{declarations}    g_autoptr(GPtrArray) args = g_ptr_array_new();\n{adds}"
                f"    for (gsize i = 0; {name} != NULL && {name}[i] != NULL; i++)\n"
                f"        g_ptr_array_add(args, (gpointer){name}[i]);\n    g_ptr_array_add(args, NULL);\n"
                f"    return domain_error_set(error, {c_string(exception.name)}, (const char *const *)args->pdata);\n")
    else:
        items = "".join(f"{expression}, " for _, expression in converted)
        body = (f"{declarations}    const char *const args[] = {{{items}NULL}};\n"
                f"    return domain_error_set(error, {c_string(exception.name)}, args);\n")
    return f"{head}\n{{\n{body}}}\n"


def exception_table(names):
    lines = []
    for exception in names.model.exceptions.values():
        types = "".join(f"{c_string(str(arg.type))}, " for arg in exception.args)
        lines.append(f"static const char *const {snake(exception.name)}_args[] = {{{types}NULL}};")
    lines.append("const DomainErrorInfo domain_error_infos[] = {")
    lines += [f"    [DOMAIN_ERROR_{snake(exception.name).upper()}] = {{{c_string(exception.name)}, {snake(exception.name)}_args, "
              f"{c_string(exception.doc)}}}," for exception in names.model.exceptions.values()]
    lines += ["};", "const gsize domain_error_n_infos = G_N_ELEMENTS(domain_error_infos);"]
    return "\n".join(lines)


def type_list(names, order):
    rows = [f"    &{names.descriptor(of)}," for of in order.expressions]
    return "\n".join(["const DomainType *const domain_types[] = {", *rows, "};",
                      "const gsize domain_n_types = G_N_ELEMENTS(domain_types);\n"])


def types_source(names, order):
    parts = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", BANNER.rstrip(), '#include "domain/types.h"\n', "#include <stddef.h>\n"]
    parts += [f"extern const DomainType domain_type_{names.stem(of)};" for of in order.expressions if of.name == "option"]
    parts += [descriptor_block(names, of) + "\n" for of in order.expressions]
    parts.append(type_list(names, order))
    parts.append(exception_table(names) + "\n")
    parts += [setter_block(names, exception) for exception in names.model.exceptions.values()]
    return "\n".join(parts)


# ---- methods.h, methods.c: the service's side


def method_stem(method):
    return "__".join(snake(part) for part in method.name.split("."))


def args_name(method):
    return f"Domain{camel(method.name)}Args"


def result_pointer(names, method):
    return f"{names.c_type(method.output.type)}*ret_{snake(method.output.name)}" if method.output else None


def handler_prototype(names, method):
    stem, args = method_stem(method), args_name(method)
    if method.waits:
        return f"void domain_{stem}(DomainService *service, const {args} *args, DomainReply *reply)"
    result = f", {result_pointer(names, method)}" if method.output else ""
    return f"gboolean domain_{stem}(DomainService *service, const {args} *args{result}, GError **error)"


def methods_header(names):
    parts = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", BANNER.rstrip(),
             "/* Arguments of the domain service's methods, and what implements each. */", "#pragma once\n",
             '#include "domain/method.h"\n#include "domain/types.h"\n']
    for method in names.model.methods.values():
        members = [(member.name, member.type, member.doc) for member in method.inputs]
        parts.append(struct_block(names, args_name(method), method.doc, members))
        if not method.pending:
            parts.append(f"{handler_prototype(names, method)};")
        parts.append("")
    return "\n".join(parts)


def spellings(method):
    """A method is found by its name as the document writes it and with the interface in capitals, as services in use spell it."""
    interface, name = method.name.split(".")
    found = [method.name]
    for other in (interface.upper(), interface.capitalize()):
        if f"{other}.{name}" not in found:
            found.append(f"{other}.{name}")
    return found


def thunk_block(names, method):
    stem = method_stem(method)
    if method.waits:
        return (f"static void\nwait_{stem}(DomainService *service, gconstpointer args, DomainReply *reply)\n{{\n"
                f"    domain_{stem}(service, args, reply);\n}}")
    ret = ", ret" if method.output else ""
    return (f"static gboolean\ncall_{stem}(DomainService *service, gconstpointer args, gpointer ret, GError **error)\n{{\n"
            f"    return domain_{stem}(service, args{ret}, error);\n}}")


def args_block(names, method):
    c_name, stem = args_name(method), method_stem(method)
    rows = member_rows(names, c_name, method.inputs, not method.addition)
    table = "\n".join([f"static const DomainMember {stem}_args[] = {{"] + rows + ["};"])
    body = described("STRUCT", method.name, f"({names.signatures.of_args(method)})", c_name, members=f"{stem}_args")
    return f"{table}\nstatic const DomainType {stem}_type = {body};"


def method_row(names, method):
    stem = method_stem(method)
    cells = [f".name = {c_string(method.name)}", f".args = &{stem}_type"]
    if method.output:
        cells.append(f".result = &{names.descriptor(method.output.type)}")
    if method.waits:
        cells.append(f".wait = wait_{stem}")
    elif not method.pending:
        cells.append(f".call = call_{stem}")
    if method.writes:
        cells.append(".writes = TRUE")
    return "    {" + ", ".join(cells) + "},"


def methods_source(names, order):
    parts = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", BANNER.rstrip(), '#include "domain/methods.h"\n', "#include <stddef.h>\n"]
    parts += [f"extern const DomainType domain_type_{names.stem(of)};" for of in order.expressions if of.name == "option"]
    methods = list(names.model.methods.values())
    for method in methods:
        if not method.pending:
            parts.append(thunk_block(names, method) + "\n")
        parts.append(args_block(names, method) + "\n")
    parts += ["const DomainMethod domain_methods[] = {"] + [method_row(names, method) for method in methods]
    parts += ["};", "const gsize domain_n_methods = G_N_ELEMENTS(domain_methods);\n", "const DomainMethodName domain_method_names[] = {"]
    rows = sorted((spelling, index) for index, method in enumerate(methods) for spelling in spellings(method))
    parts += [f"    {{{c_string(spelling)}, {index}}}," for spelling, index in rows]
    parts += ["};", "const gsize domain_n_method_names = G_N_ELEMENTS(domain_method_names);\n"]
    return "\n".join(parts)


# ---- introspection.c


def introspection_source(text):
    lines = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", BANNER.rstrip(), '#include "domain/dbus/introspection.h"\n',
             f"const char domain_dbus_name[] = {c_string(domain_dbus.NAME)};",
             f"const char domain_dbus_path[] = {c_string(domain_dbus.PATH)};",
             "const char domain_dbus_introspection[] ="]
    lines += [f"    {c_string(line)} \"\\n\"" for line in text.splitlines()]
    return "\n".join(lines) + ";\n"


def make(model):
    """File name -> text."""
    names, order = Names(model), Order(model)
    introspection = domain_dbus.introspection(model)
    return {"types.h": types_header(names, order), "types.c": types_source(names, order),
            "methods.h": methods_header(names), "methods.c": methods_source(names, order),
            "introspection.c": introspection_source(introspection), f"{domain_dbus.NAME}.xml": introspection}


def main(argv):
    if len(argv) != 3:
        print("usage: domain.py MODEL OUTDIR", file=sys.stderr)
        return 2
    try:
        model = domain_model.load(argv[1])
    except domain_model.ModelError as error:
        print(error, file=sys.stderr)
        return 1
    complaints = domain_dbus.complaints(model)
    if complaints:
        print("\n".join(f"{argv[1]}: {complaint}" for complaint in complaints), file=sys.stderr)
        return 1
    out = pathlib.Path(argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, text in make(model).items():
        (out / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
