#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Model in, text out: generate.py --model DIR --out DIR FILE... writes the named outputs; the table below says what makes each."""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import emit_api  # noqa: E402
import emit_docs  # noqa: E402
import emit_errors  # noqa: E402
import emit_model  # noqa: E402
import model  # noqa: E402

OUTPUTS = {
    "enums.h": emit_model.enums_h,
    "enums.c": emit_model.enums_c,
    "types.h": emit_model.types_h,
    "types.c": emit_model.types_c,
    "classes.h": emit_model.classes_h,
    "classes.c": emit_model.classes_c,
    "messages.h": emit_model.messages_h,
    "messages.c": emit_model.messages_c,
    "errors.h": emit_errors.errors_h,
    "errors.c": emit_errors.errors_c,
    "handlers.h": emit_api.handlers_h,
    "handlers.c": emit_api.handlers_c,
    "reference.md": emit_docs.reference_md,
}


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the folder model/")
    parser.add_argument("--out", required=True, help="where to write")
    parser.add_argument("files", nargs="+", choices=sorted(OUTPUTS), metavar="FILE", help=", ".join(sorted(OUTPUTS)))
    options = parser.parse_args(argv)
    try:
        loaded = model.load(options.model)
    except model.ModelError as error:
        print(error, file=sys.stderr)
        return 1
    for name in options.files:
        (Path(options.out) / name).write_text(OUTPUTS[name](loaded), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
