# SPDX-License-Identifier: LGPL-2.1-or-later
"""How names of the model are spelled in C, and small helpers for writing C text."""
import json
import re

KEYWORDS = {"auto", "break", "case", "char", "class", "const", "continue", "default", "do", "double", "else", "enum",
            "error", "extern", "float", "for", "goto", "if", "int", "long", "register", "return", "short", "signed",
            "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while"}


# Enums whose own name would meet one of src/domain's in C.
ENUM_ALIASES = {"domain_type": "vm_domain_type"}


def enum_base(name):
    """What an enum's C names start from."""
    return ENUM_ALIASES.get(name, name)


def upper(name):
    return re.sub(r"\W", "_", name).upper()


def lower(name):
    return re.sub(r"\W", "_", name).lower()


def camel(name):
    return "".join(part[:1].upper() + part[1:].lower() for part in re.split(r"[\W_]+", name) if part)


def identifier(name):
    """A C identifier for a parameter, lower case."""
    text = lower(name)
    if text in KEYWORDS or text[:1].isdigit():
        text += "_"
    return text


def quote(text):
    """A C string literal."""
    return json.dumps(text, ensure_ascii=False)


def boolean(truth):
    return "TRUE" if truth else "FALSE"


def type_symbol(a_type):
    """The C variable that describes a type."""
    return "type_" + re.sub(r"_+", "_", re.sub(r"\W", "_", str(a_type))).strip("_")


def class_constant(name):
    return f"CLASS_{upper(name)}"


def field_constant(class_name, field_name):
    return f"{upper(class_name)}_{upper(field_name)}"


def message_constant(class_name, message_name):
    return f"MSG_{upper(class_name)}_{upper(message_name)}"


def ref_struct(class_name):
    return f"{camel(class_name)}Ref"


def banner(source):
    return (f"/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"
            f"/* Made from {source} by gen/generate.py. Do not edit. */\n")


def wrap_comment(text):
    return text.replace("*/", "* /")
