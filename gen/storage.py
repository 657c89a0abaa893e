#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the tables of storage calls and errors from model/storage.toml.

usage: storage.py caller|driver MODEL OUT.h OUT.c

"caller" is for src/storage: operations, capabilities and what faults mean. "driver" is for plugins/lib: calls and fault codes.
"""

import re
import sys
import tomllib
from pathlib import Path

RESULTS = ("nil", "string", "vdi", "attachment", "sizes", "scan", "info")
LOCKS = ("none", "vdi", "change", "sr")
OBJECTS = ("none", "sr", "vdi")
WITHOUT = ("refused", "skipped")
CALL_KEYS = {"doc", "args", "result", "capability", "without", "lock", "master", "object", "since"}
ERROR_KEYS = {"value", "doc", "constant", "means", "since"}


class ModelError(Exception):
    """Something in the model is wrong; the text says where."""


def check(truth, block, text):
    if not truth:
        raise ModelError(f"{block}: {text}")


def check_call(name, call, capabilities):
    block = f"calls.{name}"
    check(not set(call) - CALL_KEYS, block, f"unknown keys {sorted(set(call) - CALL_KEYS)}")
    check(re.fullmatch(r"(sr|vdi)_[a-z_]+", name), block, "not a call's name")
    check(call.get("doc"), block, "has no doc")
    check(call.get("result") in RESULTS, block, f"result is none of {', '.join(RESULTS)}")
    check(call.get("lock") in LOCKS, block, f"lock is none of {', '.join(LOCKS)}")
    check(call.get("object") in OBJECTS, block, f"object is none of {', '.join(OBJECTS)}")
    check(call.get("without", "refused") in WITHOUT, block, f"without is none of {', '.join(WITHOUT)}")
    check(isinstance(call.get("args"), list), block, "args is no list")
    check(call["object"] == "vdi" or call["lock"] != "vdi", block, "locks a disk but names none")
    check(call["object"] != "none" or call["lock"] == "none", block, "locks an SR but names none")
    if "capability" in call:
        check(call["capability"] in capabilities, block, f"unknown capability {call['capability']}")


def check_error(name, error, seen):
    block = f"errors.{name}"
    check(not set(error) - ERROR_KEYS, block, f"unknown keys {sorted(set(error) - ERROR_KEYS)}")
    check(error.get("doc"), block, "has no doc")
    value = error.get("value")
    check(isinstance(value, int) and 0 < value < 1000, block, "value is no number from 1 to 999")
    check(value not in seen, block, f"value {value} is taken by {seen.get(value)}")
    seen[value] = name


def load(path):
    """Reads and checks the model; raises ModelError."""
    try:
        model = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"does not parse: {error}") from error
    for part in ("calls", "capabilities", "errors"):
        check(part in model, part, "is missing")
    capabilities = model["capabilities"]["names"]
    check(len(set(capabilities)) == len(capabilities), "capabilities", "a name stands twice")
    for name, call in model["calls"].items():
        check_call(name, call, capabilities)
    seen = {}
    for name, error in model["errors"].items():
        check_error(name, error, seen)
    constants = [constant_of(name, error) for name, error in model["errors"].items()]
    check(len(set(constants)) == len(constants), "errors", "two names give one constant")
    return model


def constant_of(name, error):
    """ConfigTargetIQNMissing -> CONFIG_TARGET_IQN_MISSING"""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return error.get("constant", words.upper())


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def heading(what):
    return (
        "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"
        f"/* {what} Made from model/storage.toml by gen/storage.py. */\n"
    )


def operation_enum(model):
    rows = "".join(f"    STORAGE_OPERATION_{name.upper()},\n" for name in model["calls"])
    return f"typedef enum StorageOperation {{\n{rows}    STORAGE_OPERATION_N,\n}} StorageOperation;\n"


def operation_row(name, call):
    capability = quote(call["capability"]) if "capability" in call else "NULL"
    fields = (
        quote(name),
        capability,
        f"STORAGE_LOCK_{call['lock'].upper()}",
        f"STORAGE_OBJECT_{call['object'].upper()}",
        "TRUE" if call.get("master") else "FALSE",
        "TRUE" if call.get("without") == "skipped" else "FALSE",
    )
    return f"    [STORAGE_OPERATION_{name.upper()}] = {{{', '.join(fields)}}},\n"


def caller_header(model):
    return (
        heading("Operations of storage plugins, their capabilities, and faults that mean something of their own.")
        + "#pragma once\n\n#include <glib.h>\n\n#include \"storage/error.h\"\n#include \"storage/lock.h\"\n\n"
        + operation_enum(model)
        + "\ntypedef enum StorageObject { STORAGE_OBJECT_NONE, STORAGE_OBJECT_SR, STORAGE_OBJECT_VDI } StorageObject;\n\n"
        "typedef struct StorageOperationInfo {\n"
        "    const char *name;       /* on the wire */\n"
        "    const char *capability; /* the plugin must list it; NULL: not asked */\n"
        "    StorageLockMode lock;\n"
        "    StorageObject object;      /* what the call works on */\n"
        "    gboolean is_for_master;    /* only on the host that has the SR's metadata */\n"
        "    gboolean is_skipped_without; /* a missing capability means success without a call */\n"
        "} StorageOperationInfo;\n"
        "extern const StorageOperationInfo storage_operation_infos[STORAGE_OPERATION_N];\n\n"
        "/* NULL-terminated. */\nextern const char *const storage_capabilities[];\n\n"
        "typedef struct StorageFaultInfo {\n    int code;\n    StorageError error;\n} StorageFaultInfo;\n"
        "/* Ends with code 0; a fault that is not here is STORAGE_ERROR_BACKEND_FAULT. */\n"
        "extern const StorageFaultInfo storage_fault_infos[];\n"
    )


def caller_source(model, header):
    operations = "".join(operation_row(name, call) for name, call in model["calls"].items())
    capabilities = "".join(f"    {quote(name)},\n" for name in model["capabilities"]["names"])
    faults = "".join(
        f"    {{{error['value']}, STORAGE_ERROR_{error['means']}}}, /* {name} */\n"
        for name, error in model["errors"].items()
        if "means" in error
    )
    return (
        heading("Operations of storage plugins.")
        + f'#include "{header}"\n\n'
        + f"const StorageOperationInfo storage_operation_infos[STORAGE_OPERATION_N] = {{\n{operations}}};\n\n"
        + f"const char *const storage_capabilities[] = {{\n{capabilities}    NULL,\n}};\n\n"
        + f"const StorageFaultInfo storage_fault_infos[] = {{\n{faults}    {{0, 0}},\n}};\n"
    )


def driver_header(model):
    rows = "".join(
        f"    DRIVER_ERROR_{constant_of(name, error)} = {error['value']}, /* {error['doc']} */\n"
        for name, error in model["errors"].items()
    )
    return (
        heading("Fault codes and call names of storage drivers.")
        + "#pragma once\n\n"
        + f"typedef enum DriverErrorCode {{\n{rows}}} DriverErrorCode;\n\n"
        "typedef struct DriverErrorInfo {\n    int code;\n    const char *name;\n    const char *doc;\n} DriverErrorInfo;\n"
        "/* Sorted by code; ends with code 0. */\n"
        "extern const DriverErrorInfo driver_error_infos[];\n\n"
        "/* Which keys a call must bring. */\n"
        "typedef enum DriverObject { DRIVER_OBJECT_NONE, DRIVER_OBJECT_SR, DRIVER_OBJECT_VDI } DriverObject;\n\n"
        "typedef struct DriverCallInfo {\n"
        "    const char *name;\n"
        "    DriverObject object;\n"
        "    unsigned min_args;\n"
        "    int is_for_master; /* refused where device_config says SRmaster=false */\n"
        "} DriverCallInfo;\n"
        "/* Ends with name NULL. */\n"
        "extern const DriverCallInfo driver_call_infos[];\n"
    )


def driver_call_row(name, call):
    # The storage document asks for sizes only; what else is sent today may be left out.
    min_args = int(call["args"][:1] == ["size"])
    fields = (quote(name), f"DRIVER_OBJECT_{call['object'].upper()}", str(min_args), str(int(call.get("master", False))))
    return f"    {{{', '.join(fields)}}},\n"


def driver_source(model, header):
    by_value = sorted(model["errors"].items(), key=lambda item: item[1]["value"])
    errors = "".join(f"    {{{error['value']}, {quote(name)}, {quote(error['doc'])}}},\n" for name, error in by_value)
    calls = "".join(driver_call_row(name, call) for name, call in model["calls"].items())
    return (
        heading("Fault codes and call names of storage drivers.")
        + f'#include "{header}"\n\n#include <stddef.h>\n\n'
        + f"const DriverErrorInfo driver_error_infos[] = {{\n{errors}    {{0, NULL, NULL}},\n}};\n\n"
        + f"const DriverCallInfo driver_call_infos[] = {{\n{calls}    {{NULL, 0, 0, 0}},\n}};\n"
    )


BACKENDS = {
    "caller": (caller_header, caller_source, "storage/tables.h"),
    "driver": (driver_header, driver_source, "lib/tables.h"),
}


def main(arguments):
    if len(arguments) != 4 or arguments[0] not in BACKENDS:
        print(__doc__, file=sys.stderr)
        return 2
    kind, model_path, header_path, source_path = arguments
    try:
        model = load(model_path)
    except ModelError as error:
        print(f"{model_path}: {error}", file=sys.stderr)
        return 1
    make_header, make_source, include = BACKENDS[kind]
    Path(header_path).write_text(make_header(model), encoding="utf-8")
    Path(source_path).write_text(make_source(model, include), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
