# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows for classes that nothing in a test makes, written into the database of a server that does not run; and values of every type."""

import json
import sqlite3
import uuid

from wire import MODEL, NULL, Date

TEXT = "a text <&>\"' \u00e4\u20ac\U0001d11e"


def row_ref(name):
    """The reference of the row that insert_rows() makes for a class."""
    return f"OpaqueRef:{uuid.uuid5(uuid.NAMESPACE_OID, name)}"


def first_value(of, ref=NULL):
    """A plain value of the type."""
    return {"int": 0, "bool": False, "float": 0.0, "datetime": "19700101T00:00:00Z", "ref": ref, "set": [], "map": {},
            "enum": MODEL.enums.get(of.name, [""])[0]}.get(of.kind, "")


def column(value):
    """As it stands in the table."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def insert_rows(path):
    """One row for each stored class that has none. Rows that are parts of another, or need one, get that class's."""
    database = sqlite3.connect(path)
    with database:
        for cls in MODEL.classes.values():
            if not (cls.rows and cls.persistent) or database.execute(f'SELECT count(*) FROM "{cls.name}"').fetchone() != (0,):
                continue
            row = {"ref": row_ref(cls.name), "_created": 1, "_changed": 1}
            for field in cls.fields.values():
                if field.persistent and not field.derived_from:
                    needs = field.type.kind == "ref" and field.on_delete != "null"
                    row[field.name] = column(first_value(field.type, first_ref(database, field.type.name) if needs else NULL))
            if "uuid" in cls.fields:
                row["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_URL, cls.name))
            names = ", ".join(f'"{name}"' for name in row)
            database.execute(f'INSERT INTO "{cls.name}" ({names}) VALUES ({", ".join("?" * len(row))})', list(row.values()))
    database.close()


def first_ref(database, name):
    """A row of the class: one that is there, or the one that will be."""
    found = database.execute(f'SELECT ref FROM "{name}" ORDER BY ref').fetchone()
    return found[0] if found else row_ref(name)


def other_value(of, current, known):
    """A value of the type that is not @current; @known finds a reference of a class."""
    match of.kind:
        case "int":
            return 2 ** 40 + 1 if current != 2 ** 40 + 1 else 7
        case "bool":
            return not current
        case "float":
            return 0.1 if current != 0.1 else 2.5
        case "datetime":
            return Date("20230305T18:18:29Z")
        case "ref":
            return known(of.name)
        case "enum":
            return MODEL.enums[of.name][-1] if current != MODEL.enums[of.name][-1] else MODEL.enums[of.name][0]
        case "set":
            return [other_value(of.element, None, known)]
        case "map":
            return {str(other_value(of.key, None, known)): other_value(of.element, None, known)}
    return TEXT if current != TEXT else "another text"
