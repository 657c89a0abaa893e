#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is refused, with which error, and in which order things are checked. Source: protocol notes 1.2 to 1.4."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from wire import MESSAGES, MODEL, NULL, Date, Xml  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
NIL = Xml("<value><nil/></value>")

# By kind of type: values of a wrong type, and of the right one that make no sense.
WRONG_TYPES = {
    "string": [True, 1.5, [], {}, NIL, Xml("<value><int>1</int></value>"), Date("20230305T18:18:29Z")],
    "ref": [False, 1.5, ["x"], {"x": "y"}, NIL, Xml("<value><i8>1</i8></value>")],
    "int": [True, 1.5, [], {}, NIL, "", "x", "1.5", "0x10", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "1e3"],
    "bool": ["1", "true", "", 1.0, [], {}, NIL, Xml("<value><int>1</int></value>")],
    "float": [True, [], {}, NIL, "", "x", "1,5", Date("20230305T18:18:29Z")],
    "datetime": [True, 1.5, [], {}, NIL],
    "enum": [True, 1.5, [], {}, NIL],
    "set": ["x", True, 1, {}, NIL, [True], ["x", 1.5], [["x"]]],
    "map": ["x", True, 1, [], NIL, {"x": True}, {"x": ["y"]}],
    "record": ["x", True, 1, [], NIL],
}
# A message for each, and which of its parameters; the others are "".
TYPED_MESSAGES = {
    "string": ("network.set_name_label", 1),
    "ref": ("network.get_MTU", 0),
    "int": ("network.set_MTU", 1),
    "bool": ("pool.set_migration_compression", 1),
    "float": ("task.set_progress", 1),
    "datetime": ("message.get_since", 0),
    "enum": ("task.set_status", 1),
    "set": ("network.set_tags", 1),
    "map": ("network.set_other_config", 1),
    "record": ("secret.create", 0),
}


def sample(of):
    """A value of the type that any message takes up to looking at what it means."""
    return {"int": 1, "float": 1.0, "bool": False, "datetime": Date("20230305T18:18:29Z"), "ref": NOBODY, "set": [], "map": {},
            "record": {}, "enum": MODEL.enums.get(of.name, [""])[0]}.get(of.kind, "text")


def samples(message):
    """One of each parameter."""
    return [sample(param.type) for param in message.params]


class OrderTest(case.ApiTest):
    """Name, count, types, session, object: the first that is wrong is told."""

    def test_unknown_method_without_parameters(self):
        self.assert_fails("MESSAGE_METHOD_UNKNOWN", ["no.such"], self.api.raw, "no.such")

    def test_unknown_method_in_a_session(self):
        for name in ("no.such", "VM.no_such", "VM", "VM.", ".start", "VM.start.x", "VM__start", "Async.no.such", "Async.",
                     "x" * 5000):
            self.assert_fails("MESSAGE_METHOD_UNKNOWN", [name], self.api.raw, name, self.api.session)

    def test_unknown_method_with_a_dead_session(self):
        self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, "no.such", NOBODY)

    def test_unknown_method_with_something_else_first(self):
        self.assert_fails("MESSAGE_METHOD_UNKNOWN", ["no.such"], self.api.raw, "no.such", [])

    def test_count_comes_before_types_and_session(self):
        self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", ["network.set_MTU", 2, 1], self.api.raw, "network.set_MTU", NOBODY, [])
        self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", ["network.set_MTU", 2, 3], self.api.raw, "network.set_MTU", NOBODY, 1, 2, 3)

    def test_types_come_before_the_session(self):
        self.assert_fails("INTERNAL_ERROR", None, self.api.raw, "network.set_MTU", NOBODY, NULL, "x")
        self.assert_fails("INVALID_VALUE", None, self.api.raw, "task.set_status", NOBODY, NULL, "x")

    def test_session_comes_before_the_object(self):
        self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, "network.get_MTU", NOBODY, NULL)

    def test_session_comes_before_not_implemented(self):
        name = MODEL.pending[0]
        self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, name, NOBODY, *samples(MESSAGES[name]))

    def test_every_message_asks_for_its_session(self):
        for name, message in MESSAGES.items():
            if message.session:
                self.assert_fails("SESSION_INVALID", [NOBODY], self.api.raw, name, NOBODY, *samples(message))

    def test_every_session_is_a_string(self):
        for wrong in (True, 1.5, [], {}, NIL):
            self.assert_fails("INTERNAL_ERROR", None, self.api.raw, "pool.get_all", wrong)

    def test_messages_without_async_form_say_so(self):
        for name, message in MESSAGES.items():
            if not message.has_async and message.session:
                self.assert_fails("Fault", [f"No async mode for this operation (rpc: Async.{name})"], self.api.raw, f"Async.{name}",
                                  self.api.session, *samples(message))


# Of SR.introduce, which has one with a default after them.
NEEDED = ("uuid", "name", "description", "none", "content type", True)


class CountTest(case.ApiTest):
    def test_every_message_counts_its_parameters(self):
        for name, message in MESSAGES.items():
            required = sum(1 for param in message.params if param.default is None)
            session = [self.api.session] if message.session else []
            given = samples(message)
            if required > 0:
                self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", [name, required, required - 1], self.api.raw, name, *session,
                                  *given[:required - 1])
            if required == len(given):
                self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", [name, required, required + 1], self.api.raw, name, *session,
                                  *given, "one more")

    def test_missing_session_is_a_wrong_count(self):
        self.assert_fails("MESSAGE_PARAMETER_COUNT_MISMATCH", None, self.api.raw, "pool.get_all")

    def test_parameters_with_defaults_may_be_left_out(self):
        self.assert_fails("SR_UNKNOWN_DRIVER", ["none"], self.api.raw, "SR.introduce", self.api.session, *NEEDED)

    def test_more_parameters_than_known_are_passed_over_after_defaults(self):
        self.assert_fails("SR_UNKNOWN_DRIVER", ["none"], self.api.raw, "SR.introduce", self.api.session, *NEEDED, {}, "another", ["one"])


class TypeTest(case.ApiTest):
    def call_with(self, kind, wrong):
        """A call whose parameter of this kind is @wrong."""
        name, index = TYPED_MESSAGES[kind]
        params = samples(MESSAGES[name])
        params[index] = wrong
        return lambda: self.api.raw(name, self.api.session, *params)

    def test_messages_are_of_the_types_they_stand_for(self):
        self.assertEqual({kind: MESSAGES[name].params[index].type.kind for kind, (name, index) in TYPED_MESSAGES.items()},
                         {kind: kind for kind in WRONG_TYPES})

    def test_wrong_types_are_internal_errors(self):
        for kind, values in WRONG_TYPES.items():
            for wrong in values:
                with self.subTest(f"{kind}: {wrong!r}"):
                    self.assert_fails("INTERNAL_ERROR", None, self.call_with(kind, wrong))

    def test_unknown_member_of_an_enum_is_named(self):
        for wrong in ("", "x", "pending ", "pend", "9"):
            self.assert_fails("INVALID_VALUE", ["value", wrong], self.call_with("enum", wrong))

    def test_member_of_an_enum_is_taken_in_any_case(self):
        self.assert_fails("HANDLE_INVALID", ["task", NOBODY], self.call_with("enum", "PENDING"))

    def test_dates_that_are_none_are_named(self):
        for wrong in ("", "x", "20230305", "20231305T18:18:29Z", "20230230T18:18:29Z", "20230305T25:18:29Z", "2023-3-5T18:18:29Z"):
            self.assert_fails("INVALID_VALUE", ["since", wrong], self.call_with("datetime", wrong))
            self.assert_fails("INVALID_VALUE", ["since", wrong], self.call_with("datetime", Date(wrong)))

    def test_tagged_ints_are_read_strictly(self):
        for text in ("", "x", "1.5", "9223372036854775808", "1 2"):
            self.assert_fails("INTERNAL_ERROR", None, self.call_with("int", Xml(f"<value><int>{text}</int></value>")))

    def test_tagged_bools_are_0_or_1(self):
        for text in ("", "2", "true", "TRUE"):
            self.assert_fails("INTERNAL_ERROR", None, self.call_with("bool", Xml(f"<value><boolean>{text}</boolean></value>")))

    def test_binary_data_is_refused(self):
        self.assert_fails("INTERNAL_ERROR", None, self.call_with("string", Xml("<value><base64>AAAA</base64></value>")))


class ObjectTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.network = self.api("network.get_all")[0]

    def test_every_class_knows_an_unknown_reference(self):
        kinds = ("GETTER", "SETTER", "ADDER", "REMOVER", "GET_RECORD")
        for name, message in MESSAGES.items():
            if message.kind in kinds:
                params = [self.api.session, *samples(message)]
                self.assert_fails("HANDLE_INVALID", [name.split(".")[0], NOBODY], self.api.raw, name, *params)

    def test_null_is_no_object(self):
        self.assert_fails("HANDLE_INVALID", ["network", NULL], self.api, "network.get_MTU", NULL)
        self.assert_fails("HANDLE_INVALID", ["network", NULL], self.api, "network.get_MTU", "")

    def test_reference_of_another_class_is_unknown(self):
        host = self.api("host.get_all")[0]
        self.assert_fails("HANDLE_INVALID", ["network", host], self.api, "network.get_record", host)

    def test_strange_references_are_unknown(self):
        for strange in ("x", "OpaqueRef:", self.network.upper(), self.network + " ", "../etc", "'; drop table VM; --", "\u00e4" * 1000):
            self.assert_fails("HANDLE_INVALID", ["network", strange], self.api, "network.get_record", strange)

    def test_references_that_are_written_must_be_known(self):
        pool = self.api("pool.get_all")[0]
        self.assert_fails("HANDLE_INVALID", ["SR", NOBODY], self.api, "pool.set_default_SR", pool, NOBODY)
        self.assertEqual(self.api("pool.get_default_SR", pool), NULL)

    def test_every_class_knows_an_unknown_uuid(self):
        for name, message in MESSAGES.items():
            if message.kind == "GET_BY_UUID":
                self.assert_fails("UUID_INVALID", [name.split(".")[0], "no-such-uuid"], self.api, name, "no-such-uuid")

    def test_unknown_name_gives_an_empty_set(self):
        for name, message in MESSAGES.items():
            if message.kind == "GET_BY_NAME_LABEL":
                self.assertEqual(self.api(name, "no such name"), [], name)

    def test_destroying_what_is_unknown_is_told(self):
        for name, message in MESSAGES.items():
            if message.kind == "DESTROY" and name not in MODEL.pending:
                self.assert_fails("HANDLE_INVALID", [name.split(".")[0], NOBODY], self.api, name, NOBODY)

    def test_handled_messages_know_an_unknown_reference(self):
        # The object comes first in nearly all; session.* and message.* have others.
        for name, message in MESSAGES.items():
            first = message.params[0] if message.params else None
            is_object = first is not None and first.type.kind == "ref" and first.type.name == name.split(".")[0]
            if message.kind == "CUSTOM" and is_object and name not in MODEL.pending and message.handled and message.role != "internal":
                with self.subTest(name):
                    self.assert_fails("HANDLE_INVALID", [first.type.name, NOBODY], self.api, name, *samples(message))

    def test_key_that_is_there_is_not_added_again(self):
        self.api("network.set_other_config", self.network, {"key": "one"})
        self.assert_fails("MAP_DUPLICATE_KEY", ["network", "other_config", self.network, "key"], self.api, "network.add_to_other_config",
                          self.network, "key", "two")
        self.assertEqual(self.api("network.get_other_config", self.network), {"key": "one"})

    def test_key_that_is_absent_is_removed_with_success(self):
        self.api("network.remove_from_other_config", self.network, "no such key")

    def test_member_that_is_absent_is_removed_with_success(self):
        self.api("network.remove_tags", self.network, "no such tag")

    def test_member_that_is_there_is_added_with_success(self):
        self.api("network.set_tags", self.network, ["one"])
        self.api("network.add_tags", self.network, "one")
        self.assertEqual(self.api("network.get_tags", self.network), ["one"])

    def test_created_record_lacks_a_field(self):
        self.assert_fails("INTERNAL_ERROR", None, self.api, "secret.create", {"other_config": {}})

    def test_created_record_has_a_field_of_a_wrong_type(self):
        self.assert_fails("INTERNAL_ERROR", None, self.api, "secret.create", {"value": True, "other_config": {}})
        self.assertEqual(self.api("secret.get_all"), [])

    def test_created_record_has_a_field_that_nobody_knows(self):
        secret = self.api("secret.create", {"value": "x", "other_config": {}, "no_such": "field", "uuid": "mine"})
        self.assertNotEqual(self.api("secret.get_uuid", secret), "mine")
        self.api("secret.destroy", secret)

    def test_malformed_expressions_are_named(self):
        for wrong in ("", "x", 'field "name__label"', 'field "name__label" = ', "not", "(true", "true)",
                      'field "no_such" = "x"', "true and",
                      '"a" = "b" "c"', "(" * 1000 + "true" + ")" * 1000):
            self.assert_fails("INVALID_VALUE", None, self.api, "network.get_all_records_where", wrong)


class PendingTest(case.ApiTest):
    def test_what_is_not_written_says_so(self):
        for name in MODEL.pending:
            self.assert_fails("NOT_IMPLEMENTED", [name], self.api, name, *samples(MESSAGES[name]))

    def test_what_is_not_written_says_so_at_once_when_async(self):
        for name in MODEL.pending:
            if MESSAGES[name].has_async:
                self.assert_fails("NOT_IMPLEMENTED", [name], self.api.raw, f"Async.{name}", self.api.session, *samples(MESSAGES[name]))
        self.assertEqual(self.api("task.get_all"), [])


if __name__ == "__main__":
    case.main("api/errors")
