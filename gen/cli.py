#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""model/cli.toml, model/cli-lacking.toml and the model in, the tables of xe's server side out: cli.py --model DIR --out DIR.

Writes tables.c and handlers.h for src/cli; their types are in src/cli/table.h. Every complaint reads "file: block: what is wrong".
"""
import argparse
import re
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import model as model_loader  # noqa: E402
from names import boolean, class_constant, field_constant, lower, message_constant, quote, upper  # noqa: E402

FILES = ("cli.toml", "cli-lacking.toml")
CLASS_KEYS = {"model", "lacks", "plural", "fields_of", "filter", "only", "columns", "standard", "fields"}
FIELD_KEYS = {"path", "template", "call", "source", "source_of", "scale", "special", "kind", "part", "access", "put",
              "whole", "separator", "missing", "blank", "size", "folded", "expensive", "hidden", "deprecated", "newer",
              "settable"}
COMMAND_KEYS = {"required", "optional", "unsupported", "flags", "help", "call", "record", "if_true", "if_given", "print", "heading",
                "keys", "then", "one_of", "needs_force", "warn", "allow", "single", "many", "reports_hosts", "handler", "lacks"}
FLAGS = ("standard", "hidden", "neverforward", "local-session", "uses-client-stream", "vm-selectors", "host-selectors",
         "sr-selectors", "deprecated")
SELECTORS = {"vm-selectors": "VM", "host-selectors": "host", "sr-selectors": "SR"}
ALLOW = ("templates", "control-domains")
PRINTS = ("none", "uuid", "value", "text", "table", "records")
DEFAULT_OBJECTS = ("@master", "@pool", "@null", "@default-sr")
ARGUMENT_KINDS = ("size", "named", "file", "encoded", "basename", "snapshot", "template", "entry")
SOURCES = ("path", "template", "call", "source", "special")


class CliError(Exception):
    """What is wrong with the file, one complaint a line."""


class Field:
    """One field of a class, its source resolved against the model."""

    def __init__(self, name, row):
        self.name, self.row = name, row
        self.path, self.parts = [], []  # C constants; and the paths of a template
        self.shape = ""  # template or source with {} for each part
        self.messages = {}  # setter, adder, remover, put, whole -> message name
        self.role = "read-only"

    @property
    def kind(self):
        return self.row.get("kind", "string")

    @property
    def label(self):
        """The name as it prints, with its tag."""
        letter = {"string": " ", "set": "S", "map": "M"}[self.kind]
        access = "RW" if self.messages else "RO"  # of what the model lacks nothing prints
        text = f"{self.name} ({letter}{access})"
        return text + " [DEPRECATED]" if self.row.get("deprecated") else text


class Class:
    def __init__(self, name, row, model_class):
        self.name, self.row = name, row
        self.model_class = model_class  # None: the model lacks it
        self.fields = []
        self.role = "read-only"


class Argument:
    """One parameter of a call, as the head of cli.toml describes."""

    def __init__(self, text):
        self.kind, rest = "plain", text.strip()
        word, blank, tail = rest.partition(" ")
        if blank and word in ARGUMENT_KINDS:
            self.kind, rest = word, tail.strip()
        self.key, self.fallback = rest, None
        if rest == "@":
            self.kind, self.key = "selected", None
        elif rest.startswith("="):
            self.kind, self.key, self.fallback = "constant", None, rest[1:]
        elif rest.endswith(":"):
            self.kind, self.key = "prefix", rest[:-1]
        elif "=" in rest:
            self.key, self.fallback = rest.split("=", 1)

    def c(self):
        fallback = "NULL" if self.fallback is None else quote(self.fallback)
        return f"{{CLI_ARGUMENT_{self.kind.upper()}, {quote(self.key) if self.key else 'NULL'}, {fallback}}}"


class Call:
    def __init__(self, message, arguments):
        self.message, self.arguments = message, arguments
        self.record = []  # (field, Argument)


class Command:
    def __init__(self, name, row):
        self.name, self.row = name, row
        self.call = None
        self.alternatives = []  # (key, if_true, Call)
        self.then = []  # (key, message)


class Loader:
    """@tables: what the files say together; @origins: which file a block is of."""

    def __init__(self, tables, origins, model):
        self.tables, self.origins, self.model = tables, origins, model
        self.complaints = []
        self.classes, self.commands, self.spellings = [], [], []

    def complain(self, block, text):
        file = self.origins.get(".".join(block.split(".")[:2]), FILES[0])
        self.complaints.append(f"{file}: {block}: {text}")

    def load(self):
        for key in self.tables.keys() - {"classes", "commands", "spellings"}:
            self.complain(key, "no such block")
        for name, row in self.tables.get("classes", {}).items():
            self.load_class(name, row)
        self.load_spellings()
        for name, row in self.tables.get("commands", {}).items():
            self.load_command(name, row)
        if self.complaints:
            raise CliError("\n".join(self.complaints))
        self.commands.sort(key=lambda command: command.name)
        return self

    # -- classes

    def load_class(self, name, row):
        block = f"classes.{name}"
        self.check_keys(block, row, CLASS_KEYS)
        if "lacks" in row:
            return self.load_lacking_class(block, name, row)
        model_class = self.model.classes.get(row.get("model"))
        if model_class is None:
            return self.complain(block, f"the model has no class '{row.get('model')}'")
        cls = Class(name, row, model_class)
        record = model_class.messages.get("get_record")
        cls.role = record.role if record else "read-only"
        rows = row.get("fields", {})
        if "fields_of" in row:
            rows = self.tables["classes"].get(row["fields_of"], {}).get("fields", {})
            if not rows:
                self.complain(block, f"fields_of: no class '{row['fields_of']}' with fields")
        said = len(self.complaints)
        for field_name, field_row in rows.items():
            field = self.load_field(f"{block}.fields.{field_name}", model_class, field_name, field_row)
            if field is not None:
                cls.fields.append(field)
        if "fields_of" in row:
            del self.complaints[said:]  # said already, of the class that has them
        names = {field.name for field in cls.fields}
        for column in row.get("columns", []):
            if column not in rows:
                self.complain(block, f"column '{column}' is no field")
        for key in row.get("filter", {}):
            if key not in names:
                self.complain(block, f"filter '{key}' is no field")
        if "only" in row and (row["only"] not in model_class.fields or model_class.fields[row["only"]].type.kind != "set"):
            self.complain(block, f"only: the model has no set '{row['only']}'")
        self.classes.append(cls)

    def load_lacking_class(self, block, name, row):
        """A class whose commands say that the server does not have it: its fields are for help alone."""
        if row["lacks"] in self.model.classes:
            return self.complain(block, f"the model has a class '{row['lacks']}' now")
        cls = Class(name, row, None)
        for field_name, field_row in row.get("fields", {}).items():
            field_block = f"{block}.fields.{field_name}"
            self.check_field(field_block, field_row)
            cls.fields.append(Field(field_name, field_row))
        return self.classes.append(cls)

    def check_keys(self, block, row, known):
        for key in row.keys() - known:
            self.complain(block, f"unknown key '{key}'")

    def check_field(self, block, row):
        """False where it cannot be read further."""
        self.check_keys(block, row, FIELD_KEYS)
        if row.get("kind", "string") not in ("string", "set", "map"):
            self.complain(block, f"kind '{row['kind']}' is none of string, set, map")
            return False
        if row.get("access", "RO") not in ("RO", "RW"):
            self.complain(block, f"access '{row['access']}' is neither RO nor RW")
            return False
        return True

    def load_field(self, block, model_class, name, row):
        """The Field, or None where the model lacks a newer one."""
        if not self.check_field(block, row):
            return None
        if len([key for key in SOURCES if key in row]) > 1:
            return self.complain(block, f"more than one of {', '.join(SOURCES)}")
        field = Field(name, row)
        found = self.resolve_source(block, model_class, field)
        if not found:
            if not row.get("newer"):
                self.complain(block, "the model has no such field (newer = true skips it)")
            return None
        if row.get("access") == "RW":
            self.resolve_setters(block, model_class, field)
        return field

    def resolve_source(self, block, model_class, field):
        row = field.row
        if "special" in row:
            return True
        if "call" in row:
            return self.find_message(row["call"]) is not None
        if "template" in row:
            return self.resolve_parts(model_class, field, row["template"])
        if "source" in row:
            field.path = self.resolve_path(model_class, row["source_of"]) if "source_of" in row else []
            return field.path is not None and self.resolve_parts(model_class, field, row["source"])
        path = row.get("path", field.name.replace("-", "_"))
        field.path = self.resolve_path(model_class, path)
        if field.path is None:
            return False
        getter = model_class.messages.get(f"get_{path.split('.')[0]}")
        field.role = getter.role if getter else "read-only"
        self.check_kind(block, model_class, field, path)
        return True

    def resolve_parts(self, model_class, field, text):
        paths = [self.resolve_path(model_class, part) for part in re.findall(r"\{([^}]*)\}", text)]
        field.shape, field.parts = re.sub(r"\{[^}]*\}", "{}", text), paths
        return None not in paths

    def walk(self, model_class, path):
        """(class, field) of each segment, or None."""
        steps = []
        for segment in path.split("."):
            if model_class is None or segment not in model_class.fields:
                return None
            found = model_class.fields[segment]
            steps.append((model_class, found))
            reached = found.type.element if found.type.kind == "set" else found.type
            model_class = self.model.classes.get(reached.name) if reached.kind == "ref" else None
        return steps

    def resolve_path(self, model_class, path):
        steps = self.walk(model_class, path)
        return None if steps is None else [field_constant(cls.name, field.name) for cls, field in steps]

    def check_kind(self, block, model_class, field, path):
        steps = self.walk(model_class, path)
        kinds = {step.type.kind for _, step in steps}
        leaf = steps[-1][1].type.kind
        if field.kind == "map" and leaf != "map":
            self.complain(block, f"kind map, but the model says {steps[-1][1].type}")
        if field.kind == "set" and not kinds & {"set", "map"}:
            self.complain(block, f"kind set, but the model says {steps[-1][1].type}")

    def find_message(self, name):
        class_name, _, message_name = name.partition(".")
        cls = self.model.classes.get(class_name)
        return cls.messages.get(message_name) if cls else None

    def resolve_setters(self, block, model_class, field):
        leaf = field.row.get("path", field.name.replace("-", "_"))
        wanted = {"string": {"setter": f"set_{leaf}"},
                  "set": {"setter": f"set_{leaf}", "adder": f"add_{leaf}", "remover": f"remove_{leaf}"},
                  "map": {"setter": f"set_{leaf}", "adder": f"add_to_{leaf}", "remover": f"remove_from_{leaf}"}}
        for role, name in wanted[field.kind].items():
            if name in model_class.messages:
                field.messages[role] = f"{model_class.name}.{name}"
        for role in ("put", "whole"):
            if role not in field.row:
                continue
            if self.find_message(field.row[role]) is not None:
                field.messages[role] = field.row[role]
            elif not field.row.get("newer"):
                self.complain(block, f"{role}: the model has no message '{field.row[role]}'")
        if not field.messages and not field.row.get("newer"):
            self.complain(block, "access RW, but no message of the model sets it")

    # -- spellings

    def load_spellings(self):
        for name, members in self.tables.get("spellings", {}).items():
            known = self.model.enums.get(name)
            for member, text in members.items():
                if known is None:
                    continue  # of a newer enum the model lacks
                if member not in known:
                    self.complain(f"spellings.{name}", f"the enum has no member '{member}'")
                self.spellings.append((name, member, text))
        self.spellings.sort()

    # -- commands

    def load_command(self, name, row):
        block = f"commands.{name}"
        self.check_keys(block, row, COMMAND_KEYS)
        for key in ("required", "optional", "help"):
            if key not in row:
                return self.complain(block, f"needs '{key}'")
        if len([key for key in ("call", "handler", "lacks") if key in row]) != 1:
            return self.complain(block, "needs one of call, handler, lacks")
        if "lacks" in row and self.find_message(row["lacks"]) is not None:
            return self.complain(block, f"the model has a message '{row['lacks']}' now: say how to call it")
        for flag in row.get("flags", []):
            if flag not in FLAGS:
                self.complain(block, f"unknown flag '{flag}'")
        for allowed in row.get("allow", []):
            if allowed not in ALLOW:
                self.complain(block, f"allow: '{allowed}' is none of {', '.join(ALLOW)}")
        command = Command(name, row)
        if "call" in row and not self.load_calls(block, command):
            return None
        self.check_print(block, command)
        for key in row.get("one_of", []):
            self.check_key(block, command, key)
        self.commands.append(command)
        return command

    def load_calls(self, block, command):
        """False where the call cannot be read."""
        row = command.row
        command.call = self.parse_call(block, command, row["call"], row.get("record"))
        if command.call is None:
            return False
        for table, if_true in (("if_true", True), ("if_given", False)):
            for key, text in row.get(table, {}).items():
                self.check_key(block, command, key)
                call = self.parse_call(block, command, text, None)
                if call is not None:
                    command.alternatives.append((key, if_true, call))
        for setter, key in row.get("then", {}).items():
            self.check_key(block, command, key)
            result = self.find_message(command.call.message).result
            if result.kind != "ref" or self.find_message(f"{result.name}.{setter}") is None:
                self.complain(block, f"then: no message '{setter}' of what {command.call.message} makes")
            else:
                command.then.append((key, f"{result.name}.{setter}"))
        return True

    def parse_call(self, block, command, text, record):
        parsed = re.fullmatch(r"([\w.]+)(?:\((.*)\))?", text)
        if parsed is None:
            return self.complain(block, f"cannot read the call '{text}'")
        message = self.find_message(parsed[1])
        if message is None:
            return self.complain(block, f"the model has no message '{parsed[1]}' (lacks = says so to who runs it)")
        words = [word for word in (parsed[2] or "").split(",") if word.strip()]
        call = Call(parsed[1], [Argument(word) for word in words])
        if record is not None:
            self.load_record(block, command, message, call, record)
        elif len(words) != len(message.params):
            self.complain(block, f"{parsed[1]} takes {len(message.params)} parameters, not {len(words)}")
        for argument in call.arguments:
            self.check_argument(block, command, argument)
        return call

    def load_record(self, block, command, message, call, record):
        if len(message.params) != 1 or message.params[0].type.kind != "record" or call.arguments:
            return self.complain(block, f"{call.message} takes no record alone")
        cls = self.model.classes[message.params[0].type.name]
        for name, text in record.items():
            if name not in cls.fields:
                self.complain(block, f"record: {cls.name} has no field '{name}'")
                continue
            argument = Argument(text)
            self.check_argument(block, command, argument)
            call.record.append((field_constant(cls.name, name), argument))
        return None

    def check_argument(self, block, command, argument):
        if argument.kind == "selected":
            if not set(SELECTORS) & set(command.row.get("flags", [])):
                self.complain(block, "uses @ but has no selectors")
        elif argument.key is not None and not (argument.kind == "prefix" and self.has_key(command, argument.key + ":")):
            self.check_key(block, command, argument.key)
        if (argument.fallback or "").startswith("@") and argument.fallback not in DEFAULT_OBJECTS:
            self.complain(block, f"'{argument.fallback}' is none of {', '.join(DEFAULT_OBJECTS)}")

    def has_key(self, command, key):
        return key in command.row["required"] + command.row["optional"]

    def check_key(self, block, command, key):
        if not self.has_key(command, key):
            self.complain(block, f"'{key}' is neither required nor optional")

    def check_print(self, block, command):
        text = command.row.get("print", "none")
        if text in PRINTS:
            return
        word, _, field = text.partition(" ")
        result = self.find_message(command.call.message).result if command.call else None
        if word != "field" or result is None or result.kind != "ref" or field not in self.model.classes[result.name].fields:
            self.complain(block, f"print '{text}' is none of {', '.join(PRINTS)}, field F")


# -- output

BANNER = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n/* Made from model/cli.toml by gen/cli.py. Do not edit. */\n"


def text_or_null(text):
    return "NULL" if text is None else quote(text)


def texts(name, values):
    """A NULL-terminated vector of texts; its C name, and its definition."""
    if not values:
        return "NULL", ""
    rows = "".join(f"{quote(value)}, " for value in values)
    return name, f"static const char *const {name}[] = {{{rows}NULL}};\n"


def path_table(name, path):
    if not path:
        return "NULL", ""
    return name, f"static const int {name}[] = {{{', '.join(path)}, -1}};\n"


def parts_table(name, parts):
    if not parts:
        return "NULL", ""
    out = [path_table(f"{name}_{index}", part)[1] for index, part in enumerate(parts)]
    names = "".join(f"{name}_{index}, " for index in range(len(parts)))
    out.append(f"static const int *const {name}[] = {{{names}NULL}};\n")
    return name, "".join(out)


def message_index(name):
    if name is None:
        return "-1"
    class_name, _, message_name = name.partition(".")
    return message_constant(class_name, message_name)


FIELD_FLAGS = (("hidden", "HIDDEN"), ("expensive", "EXPENSIVE"), ("folded", "FOLDED"), ("size", "SIZE"), ("settable", "SETTABLE"))


def field_row(symbol, field, is_lacking):
    """Definitions a field needs before its row, and the row."""
    row = field.row
    path, path_text = path_table(f"{symbol}_path", field.path)
    parts, parts_text = parts_table(f"{symbol}_parts", field.parts)
    flags = [f"CLI_FIELD_{name}" for key, name in FIELD_FLAGS if row.get(key)]
    if row.get("part") == "values":
        flags.append("CLI_FIELD_VALUES")
    if is_lacking and row.get("access") == "RW":
        flags.append("CLI_FIELD_WRITABLE")
    members = [f".name = {quote(field.name)}", f".label = {quote(field.label)}", f".kind = CLI_KIND_{field.kind.upper()}",
               f".role = ROLE_{upper(field.role)}"]
    if flags:
        members.append(f".flags = {' | '.join(flags)}")
    if field.path:
        members.append(f".path = {path}")
    if "special" in row:
        members.append(f".special = cli_special_{row['special']}")
    if "template" in row:
        members += [f".template = {quote(field.shape)}", f".parts = {parts}"]
    if "source" in row:
        members += [f".source = {quote(field.shape)}", f".parts = {parts}", f".scale = {float(row.get('scale', 1))}"]
    members.append(f".call = {message_index(row.get('call'))}")
    members += [f".{role} = {message_index(field.messages.get(role))}" for role in ("setter", "adder", "remover", "put", "whole")]
    members += [f".{key} = {quote(row[key])}" for key in ("separator", "missing", "blank") if key in row]
    return path_text + parts_text, f"    {{{', '.join(members)}}},\n"


def fields_text(cls):
    """The field table of a class that has one of its own."""
    symbol, before, rows = f"class_{lower(cls.name)}", [], []
    for index, field in enumerate(cls.fields):
        definitions, row = field_row(f"{symbol}_{index}", field, cls.model_class is None)
        before.append(definitions)
        rows.append(row)
    return f"{''.join(before)}static const CliField {symbol}_fields[] = {{\n{''.join(rows)}}};\n\n"


def only_field(cls):
    return field_constant(cls.model_class.name, cls.row["only"]) if "only" in cls.row else "-1"


def class_text(cls):
    """Definitions a class needs before its row, and the row."""
    symbol = f"class_{lower(cls.name)}"
    filters, filters_text = texts(f"{symbol}_filters", [word for pair in cls.row.get("filter", {}).items() for word in pair])
    present = {field.name for field in cls.fields}
    columns, columns_text = texts(f"{symbol}_columns", [name for name in cls.row.get("columns", []) if name in present])
    class_id = "-1" if cls.model_class is None else class_constant(cls.model_class.name)
    members = [quote(cls.name), quote(cls.row.get("plural", cls.name + "s")), class_id, text_or_null(cls.row.get("lacks")),
               f"ROLE_{upper(cls.role)}", f"class_{lower(cls.row.get('fields_of', cls.name))}_fields", str(len(cls.fields)),
               filters, only_field(cls), columns, boolean(cls.row.get("standard", False))]
    return filters_text + columns_text, f"    {{{', '.join(members)}}},\n"


def call_text(symbol, call):
    """Definitions, and the CliMessage."""
    out, arguments, record = [], "NULL", "NULL"
    if call.arguments:
        arguments = f"{symbol}_arguments"
        rows = ", ".join(argument.c() for argument in call.arguments)
        out.append(f"static const CliArgument {arguments}[] = {{{rows}}};\n")
    if call.record:
        record = f"{symbol}_record"
        rows = ", ".join(f"{{{field}, {argument.c()}}}" for field, argument in call.record)
        out.append(f"static const CliRecordField {record}[] = {{{rows}}};\n")
    row = f"{{{message_index(call.message)}, {arguments}, {len(call.arguments)}, {record}, {len(call.record)}}}"
    return "".join(out), row


def command_flags(row):
    flags = [f"CLI_FLAG_{upper(flag)}" for flag in row.get("flags", [])]
    flags += [f"CLI_FLAG_ALLOW_{upper(allowed)}" for allowed in row.get("allow", [])]
    flags += [f"CLI_FLAG_{upper(key)}" for key in ("single", "many", "needs_force", "reports_hosts") if row.get(key)]
    return " | ".join(flags) or "0"


def command_text(command):
    symbol, row = f"command_{lower(command.name)}", command.row
    required, required_text = texts(f"{symbol}_required", row["required"])
    optional, optional_text = texts(f"{symbol}_optional", row["optional"])
    one_of, one_of_text = texts(f"{symbol}_one_of", row.get("one_of"))
    warn, warn_text = texts(f"{symbol}_warn", row.get("warn"))
    unsupported, unsupported_text = texts(f"{symbol}_unsupported", row.get("unsupported"))
    heading, heading_text = texts(f"{symbol}_heading", row.get("heading"))
    keys, keys_text = texts(f"{symbol}_keys", row.get("keys"))
    out = [required_text, optional_text, one_of_text, warn_text, unsupported_text, heading_text, keys_text]
    members = [f".name = {quote(command.name)}", f".required = {required}", f".optional = {optional}",
               f".flags = {command_flags(row)}", f".help = {quote(row['help'])}"]
    if "handler" in row:
        members.append(f".handler = cli_{row['handler']}")
    elif "lacks" in row:
        members.append(f".lacks = {quote(row['lacks'])}")
    else:
        before, message = call_text(symbol, command.call)
        out += [before, f"static const CliMessage {symbol}_message = {message};\n"]
        members.append(f".message = &{symbol}_message")
    if command.alternatives:
        rows = []
        for index, (key, if_true, call) in enumerate(command.alternatives):
            before, message = call_text(f"{symbol}_{index}", call)
            out.append(before)
            rows.append(f"{{{quote(key)}, {boolean(if_true)}, {message}}}")
        out.append(f"static const CliAlternative {symbol}_alternatives[] = {{{', '.join(rows)}}};\n")
        members += [f".alternatives = {symbol}_alternatives", f".n_alternatives = {len(rows)}"]
    if command.then:
        rows = ", ".join(f"{{{quote(key)}, {message_index(message)}}}" for key, message in command.then)
        out.append(f"static const CliThen {symbol}_then[] = {{{rows}}};\n")
        members += [f".then = {symbol}_then", f".n_then = {len(command.then)}"]
    vectors = {"one_of": one_of, "warn": warn, "unsupported": unsupported, "heading": heading, "keys": keys}
    members += [f".{name} = {vector}" for name, vector in vectors.items() if vector != "NULL"]
    word, _, field = row.get("print", "none").partition(" ")
    members.append(f".print = CLI_PRINT_{word.upper()}")
    if field:
        members.append(f".print_field = {field_constant(result_class(command), field)}")
    return "".join(out), f"    {{{', '.join(members)}}},\n"


def result_class(command):
    return command.result_class


def tables_c(loaded):
    out = [BANNER, '#include "cli/table.h"\n\n#include "cli/handlers.h"\n#include "cli/special.h"\n'
           '#include "model/classes.h"\n#include "model/messages.h"\n\n/* clang-format off */\n']
    out += [fields_text(cls) for cls in loaded.classes if "fields_of" not in cls.row]
    rows = []
    for cls in loaded.classes:
        text, row = class_text(cls)
        out.append(text)
        rows.append(row)
    out.append(f"\nconst CliClass cli_classes[] = {{\n{''.join(rows)}}};\nconst gsize cli_n_classes = {len(rows)};\n\n")
    rows = [f"    {{{quote(enum)}, {quote(member)}, {quote(text)}}},\n" for enum, member, text in loaded.spellings]
    out.append(f"const CliSpelling cli_spellings[] = {{\n{''.join(rows)}    {{NULL, NULL, NULL}},\n}};\n"
               f"const gsize cli_n_spellings = {len(rows)};\n\n")
    rows = []
    for command in loaded.commands:
        text, row = command_text(command)
        out.append(text)
        rows.append(row)
    out.append(f"const CliRow cli_rows[] = {{\n{''.join(rows)}}};\nconst gsize cli_n_rows = {len(rows)};\n/* clang-format on */\n")
    return "".join(out)


def handlers_h(loaded):
    names = sorted({command.row["handler"] for command in loaded.commands if "handler" in command.row})
    lines = "".join(f"gboolean cli_{name}(CliCall *call, GError **error);\n" for name in names)
    return f'{BANNER}/* The functions commands name as their handlers. */\n#pragma once\n\n#include "cli/call.h"\n\n{lines}'


OUTPUTS = {"tables.c": tables_c, "handlers.h": handlers_h}


def read_tables(folder):
    """The blocks of all files together, and which file each is of. The second file may be absent."""
    tables, origins = {}, {}
    for name in FILES:
        path = Path(folder) / name
        if name != FILES[0] and not path.exists():
            continue
        with open(path, "rb") as file:
            read = tomllib.load(file)
        for kind, blocks in read.items():
            for block, row in blocks.items():
                if block in tables.setdefault(kind, {}):
                    raise CliError(f"{name}: {kind}.{block}: {origins[f'{kind}.{block}']} has it too")
                tables[kind][block] = row
                origins[f"{kind}.{block}"] = name
            tables.setdefault(kind, {})
    return tables, origins


def load(folder):
    """The checked tables of the model in `folder`; CliError or ModelError with every complaint otherwise."""
    loaded = Loader(*read_tables(folder), model_loader.load(folder)).load()
    for command in loaded.commands:
        result = loaded.find_message(command.call.message).result if command.call else None
        command.result_class = result.name if result is not None and result.kind == "ref" else None
    return loaded


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the folder model/")
    parser.add_argument("--out", required=True, help="where to write")
    options = parser.parse_args(argv)
    try:
        loaded = load(options.model)
    except (CliError, model_loader.ModelError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, make in OUTPUTS.items():
        (Path(options.out) / name).write_text(make(loaded), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
