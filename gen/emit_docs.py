# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back end for people: the API reference as one Markdown page."""


def field_row(field):
    since = " (newer)" if field.newer else ""
    return f"| `{field.name}` | {field.qualifier} | `{field.type}` | {field.doc}{since} |\n"


def message_text(cls, message, pending):
    params = ", ".join(f"{param.name}: `{param.type}`" for param in message.params)
    marks = [f"role {message.role}"]
    marks += ["deprecated"] if message.deprecated else []
    marks += ["newer"] if message.newer else []
    marks += ["not written yet"] if f"{cls.name}.{message.name}" in pending else []
    out = [f"#### {cls.name}.{message.name}\n\n{message.doc} ({'; '.join(marks)})\n\n"]
    out.append(f"({params}) → `{message.result}`{': ' + message.result_doc if message.result_doc else ''}\n\n")
    out += [f"- {param.name}: {param.doc}\n" for param in message.params]
    if message.errors:
        out.append(f"- errors: {', '.join(message.errors)}\n")
    return "".join(out) + "\n"


def reference_md(model):
    out = ["# API reference\n\nMade from model/ by gen/generate.py. Regular getters and setters are left out: every field has `get_X`; "
           "RW fields have `set_X`, sets `add_X` and `remove_X`, maps `add_to_X` and `remove_from_X`.\n\n"]
    for cls in (cls for cls in model.classes.values() if not cls.internal):
        out.append(f"## {cls.name}\n\n{cls.doc}\n\n")
        if cls.fields:
            out.append("| field | access | type | meaning |\n|---|---|---|---|\n")
            out += [field_row(field) for field in cls.fields.values()]
            out.append("\n")
        out += [message_text(cls, message, model.pending) for message in cls.messages.values() if message.kind == "CUSTOM"]
    out.append("## Errors\n\n| code | parameters | meaning |\n|---|---|---|\n")
    out += [f"| `{code}` | {', '.join(params)} | {doc} |\n" for code, (params, doc) in model.errors.items()]
    return "".join(out)
