#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model's prose says something, and model/pending.txt names exactly the messages that nobody has written."""

import collections
import re
import sys
import unittest
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path += [str(TREE / "tests/lib"), str(TREE / "gen")]

import emit_api  # noqa: E402
import model  # noqa: E402
import tap  # noqa: E402

FUNCTION = re.compile(r"^(api_\w+__\w+)\(", re.MULTILINE)
# Fields of many classes that are the same thing everywhere, such as uuid; no more classes than this say the same of a field.
SAME_FIELD_DOCS = 16
SAME_PARAM_DOCS = 30  # "VM to change"
DOC_MIN = 5


def words(text):
    """The words of a text, for telling whether it says more than a name."""
    return re.findall(r"[a-z0-9]+", text.lower())


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.model = model.load(TREE / "model")

    def custom(self):
        """(Class, Message) of each message that is not regular."""
        for cls in self.model.classes.values():
            for message in cls.messages.values():
                if message.kind == "CUSTOM":
                    yield cls, message


class ProseTest(Case):
    def docs(self):
        """(where, what it is about, text) of everything that has a doc of its own."""
        for cls in self.model.classes.values():
            yield cls.name, cls.name, cls.doc
            for field in cls.fields.values():
                yield f"{cls.name}.{field.name}", field.name, field.doc
        for cls, message in self.custom():
            yield f"{cls.name}.{message.name}", message.name, message.doc
            for param in message.params:
                yield f"{cls.name}.{message.name}({param.name})", param.name, param.doc
            if message.result.kind != "void":
                yield f"{cls.name}.{message.name} result", str(message.result), message.result_doc
        for name, block in self.model.enum_docs.items():
            yield name, name, block["doc"]
            for member, doc in block["members"].items():
                yield f"{name}.{member}", member, doc
        for code, (_, doc) in self.model.errors.items():
            yield code, code, doc

    def test_no_doc_is_empty_or_a_stub(self):
        short = [where for where, _, text in self.docs() if len(text.strip()) < DOC_MIN or text != text.strip()]
        self.assertEqual(short, [])

    def test_no_doc_only_repeats_the_name(self):
        repeating = [where for where, name, text in self.docs() if words(text) == words(name)]
        self.assertEqual(repeating, [])

    def assert_distinct(self, texts, most):
        """No text stands more than @most times among (where, text)."""
        found = collections.defaultdict(list)
        for where, text in texts:
            found[text].append(where)
        self.assertEqual({text: places for text, places in found.items() if len(places) > most}, {})

    def test_messages_of_a_class_have_docs_of_their_own(self):
        self.assert_distinct(((f"{cls.name}.{m.name}", f"{cls.name}: {m.doc}") for cls, m in self.custom()), 1)

    def test_fields_of_a_class_have_docs_of_their_own(self):
        self.assert_distinct(((f"{cls.name}.{f.name}", f"{cls.name}: {f.doc}")
                              for cls in self.model.classes.values() for f in cls.fields.values()), 1)

    def test_docs_are_not_copied_in_bulk(self):
        self.assert_distinct(((f"{cls.name}.{f.name}", f.doc) for cls in self.model.classes.values() for f in cls.fields.values()),
                             SAME_FIELD_DOCS)
        self.assert_distinct(((f"{cls.name}.{m.name}", f"{p.name}: {p.doc}") for cls, m in self.custom() for p in m.params),
                             SAME_PARAM_DOCS)

    def test_errors_have_docs_of_their_own(self):
        self.assert_distinct(((code, doc) for code, (_, doc) in self.model.errors.items()), 1)

    def test_messages_and_errors_are_sentences(self):
        wrong = [f"{cls.name}.{m.name}" for cls, m in self.custom() if not (m.doc[0].isupper() and m.doc.endswith((".", ").")))]
        wrong += [code for code, (_, doc) in self.model.errors.items() if not doc.endswith((".", "?", ")."))]
        self.assertEqual(wrong, [])


class PendingTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.written = collections.Counter()
        for path in (TREE / "src/api").rglob("*.c"):
            if not path.name.endswith("_test.c"):
                cls.written.update(FUNCTION.findall(path.read_text(encoding="utf-8")))

    def test_pending_messages_have_no_function(self):
        names = {f"{cls.name}.{m.name}": emit_api.function(cls, m) for cls in self.model.classes.values() for m in cls.messages.values()}
        self.assertEqual([name for name in self.model.pending if names[name] in self.written], [])

    def test_other_custom_messages_have_exactly_one_function(self):
        counts = {emit_api.function(cls, m): self.written[emit_api.function(cls, m)] for cls, m in emit_api.handled(self.model)}
        self.assertEqual({name: n for name, n in counts.items() if n != 1}, {})

    def test_no_function_is_without_a_message(self):
        known = {emit_api.function(cls, m) for cls in self.model.classes.values() for m in cls.messages.values()}
        self.assertEqual(set(self.written) - known, set())


if __name__ == "__main__":
    tap.main("gen/quality")
