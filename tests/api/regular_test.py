#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every regular message of every class, made from the model: getters, setters, adders, removers, lists, look-ups, create and destroy.

Each reply is held against the model's type. At the end stands which messages no test of this build tree has called.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
import rows  # noqa: E402
from wire import MESSAGES, MODEL, NULL, all_called, called  # noqa: E402

REGULAR = {name: message for name, message in MESSAGES.items() if message.kind != "CUSTOM" and not message.handled}
# Rows of these come and go with what clients do, so lists of them are not compared with each other.
MOVING = {"task", "session"}
SHOWN_MAX = 100


def of_kind(*kinds):
    """(class name, Message) of the regular messages of these kinds."""
    for name, message in REGULAR.items():
        if message.kind in kinds:
            yield name.split(".")[0], message


class RegularTest(case.ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.stop_one("xylemd")
        rows.insert_rows(cls.stack.state / "xylem.db")
        status, said = cls.stack.check_db()
        assert status == 0, said
        cls.stack.start_one("xylemd")

    def setUp(self):
        super().setUp()
        self.refs = {"session": self.api.session, "task": self.api("task.create", "a label", "")}

    def ref(self, name):
        """A row of the class."""
        if name not in self.refs:
            has_list = "get_all" in MODEL.classes[name].messages
            self.refs[name] = self.api(f"{name}.get_all")[0] if has_list else rows.row_ref(name)
        return self.refs[name]

    def record(self, name):
        """Of that row."""
        return self.api(f"{name}.get_record", self.ref(name))

    def classes(self):
        """Names of classes with rows."""
        return [cls.name for cls in MODEL.classes.values() if cls.rows]

    def test_every_class_has_a_row_here(self):
        for name in self.classes():
            if "get_record" in MODEL.classes[name].messages:
                self.assertEqual(set(self.record(name)), set(MODEL.classes[name].fields))

    def test_every_getter_gives_the_field_of_the_record(self):
        for name, message in of_kind("GETTER"):
            value = self.api(f"{name}.{message.name}", self.ref(name))
            self.assertEqual(value, self.record(name)[message.field], f"{name}.{message.field}")

    def test_every_list_of_records_has_the_records(self):
        for name, _ in of_kind("GET_ALL_RECORDS"):
            records = self.api(f"{name}.get_all_records")
            self.assertEqual(records[self.ref(name)], self.record(name), name)
            refs = self.api(f"{name}.get_all")
            self.assertTrue(refs == list(records) or name in MOVING, name)

    def test_every_expression_chooses(self):
        for name, message in of_kind("GET_ALL_WHERE", "GET_ALL_RECORDS_WHERE"):
            whole = self.api(f"{name}.{message.name}", "true")
            self.assertIn(self.ref(name), whole, name)
            self.assertEqual(len(self.api(f"{name}.{message.name}", "false")), 0)
            uuid = self.record(name)["uuid"]
            one = self.api(f"{name}.{message.name}", f'field "uuid" = "{uuid}"')
            self.assertEqual(list(one), [self.ref(name)], name)

    def test_every_uuid_is_found(self):
        for name, _ in of_kind("GET_BY_UUID"):
            self.assertEqual(self.api(f"{name}.get_by_uuid", self.record(name)["uuid"]), self.ref(name))

    def test_every_name_is_found(self):
        for name, _ in of_kind("GET_BY_NAME_LABEL"):
            self.assertIn(self.ref(name), self.api(f"{name}.get_by_name_label", self.record(name)["name_label"]), name)

    def assert_field(self, name, field, value):
        """Getter and record agree on it."""
        self.assertEqual(self.api(f"{name}.get_{field}", self.ref(name)), value, f"{name}.{field}")
        self.assertEqual(self.record(name)[field], value, f"{name}.{field}")

    def test_every_setter_sets(self):
        for name, message in of_kind("SETTER"):
            if f"get_{message.field}" not in MODEL.classes[name].messages:
                continue
            before = self.api(f"{name}.get_{message.field}", self.ref(name))
            for value in (rows.other_value(message.params[1].type, before, self.ref), before):
                self.api(f"{name}.{message.name}", self.ref(name), value)
                self.assert_field(name, message.field, value)

    def test_every_set_takes_and_gives_members(self):
        for name, message in of_kind("ADDER"):
            if len(message.params) != 2:
                continue
            field, ref = message.field, self.ref(name)
            before = self.api(f"{name}.get_{field}", ref)
            member = rows.other_value(message.params[1].type, None, self.ref)
            for _ in range(2):
                self.api(f"{name}.add_{field}", ref, member)
                self.assert_field(name, field, [*before, member])
            for _ in range(2):
                self.api(f"{name}.remove_{field}", ref, member)
                self.assert_field(name, field, before)

    def test_every_map_takes_and_gives_keys(self):
        for name, message in of_kind("ADDER"):
            if len(message.params) != 3:
                continue
            field, ref = message.field, self.ref(name)
            before = self.api(f"{name}.get_{field}", ref)
            key, value = (rows.other_value(param.type, None, self.ref) for param in message.params[1:])
            self.api(f"{name}.add_to_{field}", ref, key, value)
            self.assert_field(name, field, before | {key: value})
            self.assert_fails("MAP_DUPLICATE_KEY", [name, field, ref, key], self.api, f"{name}.add_to_{field}", ref, key, value)
            for _ in range(2):
                self.api(f"{name}.remove_from_{field}", ref, key)
                self.assert_field(name, field, before)

    def test_what_stock_create_makes_stock_destroy_takes(self):
        for name, message in of_kind("CREATE"):
            fields = [field for field in MODEL.classes[name].fields.values() if field.qualifier != "ROrun" and not field.derived_from]
            record = {field.name: rows.other_value(field.type, None, self.ref) for field in fields}
            made = self.api(f"{name}.{message.name}", record)
            stored = self.api(f"{name}.get_record", made)
            self.assertEqual({key: stored[key] for key in record}, record, name)
            self.assertEqual(self.api(f"{name}.get_by_uuid", stored["uuid"]), made)
            self.api(f"{name}.destroy", made)
            self.assert_fails("HANDLE_INVALID", [name, made], self.api, f"{name}.destroy", made)
            self.assert_fails("UUID_INVALID", [name, stored["uuid"]], self.api, f"{name}.get_by_uuid", stored["uuid"])

    def test_fields_left_out_of_a_record_get_their_defaults(self):
        for name, message in of_kind("CREATE"):
            fields = [field for field in MODEL.classes[name].fields.values() if field.qualifier != "ROrun" and not field.derived_from]
            needed = {field.name: rows.other_value(field.type, None, self.ref) for field in fields if field.default is None}
            made = self.api(f"{name}.{message.name}", needed)
            stored = self.api(f"{name}.get_record", made)
            defaults = {field.name: field.default for field in fields if field.default is not None}
            self.assertEqual({key: stored[key] for key in defaults}, defaults, name)
            self.api(f"{name}.destroy", made)

    def test_async_create_and_destroy(self):
        for name, message in of_kind("CREATE"):
            fields = [field for field in MODEL.classes[name].fields.values() if field.qualifier != "ROrun" and not field.derived_from]
            record = {field.name: rows.other_value(field.type, None, self.ref) for field in fields}
            task = self.api(f"Async.{name}.{message.name}", record)
            self.wait_end(task)
            made = self.api("task.get_result", task).removeprefix("<value>").removesuffix("</value>")
            self.wait_end(self.api(f"Async.{name}.destroy", made))
            self.assert_fails("HANDLE_INVALID", [name, made], self.api, f"{name}.get_record", made)

    def wait_end(self, task):
        """Of a task, which must be a success."""
        token = ""
        while self.api("task.get_status", task) == "pending":
            token = self.api("event.from", [f"task/{task}"], token, 10.0).content["token"].content
        record = self.api("task.get_record", task)
        self.assertEqual([record["status"], record["error_info"]], ["success", []])

    def test_sides_of_a_relation_agree(self):
        for cls in MODEL.classes.values():
            for field in cls.fields.values():
                if field.derived_from and "get_all_records" in cls.messages:
                    self.check_relation(cls.name, field)

    def check_relation(self, name, field):
        """Each row of the class has in @field those that name it."""
        peer, _, back = field.derived_from.partition(".")
        if "get_all_records" not in MODEL.classes[peer].messages or peer in MOVING:
            return
        pointing = {}
        for ref, record in self.api(f"{peer}.get_all_records").items():
            for target in record[back] if isinstance(record[back], list) else [record[back]]:
                pointing.setdefault(target, []).append(ref)
        for ref, record in self.api(f"{name}.get_all_records").items():
            self.assertEqual(sorted(record[field.name]), sorted(pointing.get(ref, [])), f"{name}.{field.name}")

    def test_null_is_taken_for_a_reference(self):
        for name, message in of_kind("SETTER"):
            if message.params[1].type.kind == "ref":
                self.api(f"{name}.{message.name}", self.ref(name), NULL)
                self.assertEqual(self.api(f"{name}.get_{message.field}", self.ref(name)), NULL)


def some_of(names):
    """For people: the first ones, so that a run that fails early is readable."""
    return " ".join(names[:SHOWN_MAX]) + (" ..." if len(names) > SHOWN_MAX else "")


def report_uncalled():
    """What nobody has called. Of the other programs it knows what they called when they ran last."""
    missing = sorted(name for name in REGULAR if name not in called)
    print(f"# regular messages never called: {len(missing)} of {len(REGULAR)}: {some_of(missing)}")
    custom = {name for name, message in MESSAGES.items() if name not in REGULAR and name not in MODEL.pending}
    missing = sorted(custom - all_called())
    print(f"# other messages that no test here called with success: {len(missing)} of {len(custom)}: {some_of(missing)}", flush=True)


if __name__ == "__main__":
    case.main("api/regular", report_uncalled)
