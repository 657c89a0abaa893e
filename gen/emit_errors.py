# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back end for the API's errors: one setter per code, so the compiler counts the parameters."""
from names import banner, identifier, lower, quote, upper, wrap_comment


def param_names(params):
    """Distinct C names for an error's parameters."""
    names = []
    for param in params:
        name = identifier(param)
        while name in names:
            name += "_"
        names.append(name)
    return names


def prototype(code, params):
    return f"api_error_{lower(code)}({', '.join(['GError **error'] + [f'const char *{n}' for n in param_names(params)])})"


def errors_h(model):
    out = [banner("model/errors.toml"), "#pragma once\n\n#include \"model/api_error.h\"\n\n/* Indices of api_error_infos. */\n",
           "typedef enum ApiErrorCode {\n"]
    out += [f"    API_ERROR_{upper(code)},\n" for code in model.errors]
    out.append("    API_ERROR_N,\n} ApiErrorCode;\n\n/* Each sets *@error and returns FALSE. */\n")
    for code, (params, doc) in model.errors.items():
        out.append(f"\n/** {wrap_comment(doc)} */\ngboolean {prototype(code, params)};\n")
    return "".join(out)


def errors_c(model):
    out = [banner("model/errors.toml"), '#include "model/errors.h"\n\n']
    for code, (params, _) in model.errors.items():
        if params:
            rows = ", ".join(quote(param) for param in params)
            out.append(f"static const char *const {lower(code)}_params[] = {{{rows}, NULL}};\n")
    out.append("static const char *const no_params[] = {NULL};\n\n/* clang-format off */\nconst ApiErrorInfo api_error_infos[] = {\n")
    for code, (params, doc) in model.errors.items():
        table = f"{lower(code)}_params" if params else "no_params"
        out.append(f"    [API_ERROR_{upper(code)}] = {{{quote(code)}, {table}, {quote(doc)}}},\n")
    out.append("};\n/* clang-format on */\nconst gsize api_error_n_infos = API_ERROR_N;\n")
    for code, (params, _) in model.errors.items():
        values = ", ".join(param_names(params) + ["NULL"])
        out.append(f"\ngboolean\n{prototype(code, params)}\n{{\n"
                   f"    return api_error_set(error, {quote(code)}, (const char *const[]){{{values}}});\n}}\n")
    return "".join(out)
