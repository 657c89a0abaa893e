#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Host, network, message and the setters that storage plugins use."""

import calendar
import signal
import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import case  # noqa: E402
from storage import StorageTest  # noqa: E402
from wire import MESSAGES, NULL, Date, Wire  # noqa: E402

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"


class SignalTest(case.ApiTest):
    DAEMONS = ("xenopsd", "xylemd")

    def test_full_files_and_lost_peers_are_told_by_errors(self):
        for name in self.DAEMONS:
            status = Path(f"/proc/{self.stack.processes[name].pid}/status").read_text(encoding="ascii")
            ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                self.assertTrue(ignored & 1 << (number - 1), (name, number))


class HostTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.host = self.api("host.get_all")[0]

    def test_host_is_the_pools_master(self):
        self.assertEqual([self.api("pool.get_master", pool) for pool in self.api("pool.get_all")], [self.host])

    def test_versions_are_numbers_for_those_who_split_them(self):
        record = self.api("host.get_record", self.host)
        for key in ("product_version", "platform_version"):
            for part in record["software_version"][key].split("."):
                int(part)
        self.assertEqual([record["API_version_major"], record["API_version_vendor"]], [2, "XenSource"])
        self.assertGreater(len(record["cpu_info"]), 5)
        self.assertEqual(len(record["host_CPUs"]), int(record["cpu_info"]["cpu_count"]))

    def test_metrics_live_and_make_sense(self):
        metrics = self.api("host_metrics.get_record", self.api("host.get_metrics", self.host))
        self.assertTrue(metrics["live"])
        self.assertGreater(metrics["memory_total"], metrics["memory_free"])
        self.assertGreater(metrics["memory_free"], 0)

    def test_times_are_now(self):
        for message in ("get_servertime", "get_server_localtime"):
            self.assertEqual(len(self.api(f"host.{message}", self.host).rstrip("Z")), 17)
        told = time.strptime(self.api("host.get_servertime", self.host), "%Y%m%dT%H:%M:%SZ")
        self.assertLess(abs(time.time() - calendar.timegm(told)), 60)

    def test_disabled_host_is_enabled_again(self):
        self.api("host.disable", self.host)
        self.assertFalse(self.api("host.get_enabled", self.host))
        self.api("host.enable", self.host)
        self.assertTrue(self.api("host.get_enabled", self.host))

    def test_methods_are_those_of_the_model(self):
        self.assertLessEqual(set(MESSAGES), set(self.api("host.list_methods")))

    def test_certificate_is_the_one_that_is_served(self):
        served = ssl.get_server_certificate(("127.0.0.1", self.stack.ports()["tls"]))
        self.assertEqual(self.api("host.get_server_certificate", self.host).strip(), served.strip())

    def test_memory_is_counted(self):
        self.assertGreater(self.api("host.compute_free_memory", self.host), 0)
        self.assertGreaterEqual(self.api("host.compute_memory_overhead", self.host), 0)

    def test_management_interface_is_a_pif_of_the_host(self):
        pif = self.api("host.get_management_interface", self.host)
        self.assertEqual([self.api("PIF.get_host", pif), self.api("PIF.get_management", pif)], [self.host, True])


class NetworkTest(case.ApiTest):
    def create(self, **changes):
        """A network, gone at the end of the test."""
        record = {"name_label": "a network", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []} | changes
        network = self.api("network.create", record)
        self.addCleanup(self.destroy, network)
        return network

    def destroy(self, network):
        """If it is still there."""
        api = self.new_wire()
        if network in api("network.get_all"):
            api("network.destroy", network)

    def test_created_network_has_a_bridge_of_its_own(self):
        bridges = [self.api("network.get_bridge", self.create(name_label=str(number))) for number in range(3)]
        self.assertEqual(len(set(bridges)), 3)
        self.assertTrue(all(bridges))

    def test_name_finds_all_of_that_name(self):
        networks = {self.create(name_label="twice"), self.create(name_label="twice")}
        self.assertEqual(set(self.api("network.get_by_name_label", "twice")), networks)

    def test_network_of_an_interface_stays(self):
        network = self.api("PIF.get_network", self.api("PIF.get_all")[0])
        self.assert_fails("NETWORK_CONTAINS_PIF", None, self.api, "network.destroy", network)

    def test_purposes_are_added_and_removed(self):
        network = self.create()
        self.api("network.add_purpose", network, "nbd")
        self.assertEqual(self.api("network.get_purpose", network), ["nbd"])
        self.api("network.remove_purpose", network, "nbd")
        self.assertEqual(self.api("network.get_purpose", network), [])

    def test_expressions_choose(self):
        network = self.create(name_label="chosen", MTU=1234)
        uuid = self.api("network.get_uuid", network)
        for expression in ('field "name__label" = "chosen"', 'field "MTU" = "1234"', f'field "uuid" = "{uuid}"',
                           'not field "MTU" = "1500" and (field "name__label" = "chosen" or false)', '"1234" = field "MTU"'):
            self.assertEqual(list(self.api("network.get_all_records_where", expression)), [network], expression)


class SecretTest(case.ApiTest):
    def test_secret_is_found_by_its_uuid_and_can_be_changed(self):
        secret = self.api("secret.create", {"value": "first", "other_config": {"k": "v"}})
        uuid = self.api("secret.get_uuid", secret)
        self.assertEqual(self.api("secret.get_by_uuid", uuid), secret)
        self.assertEqual(self.api("secret.get_record", secret), {"uuid": uuid, "value": "first", "other_config": {"k": "v"}})
        self.assertEqual(self.api("secret.get_all_records"), {secret: self.api("secret.get_record", secret)})
        self.api("secret.set_value", secret, "second")
        self.assertEqual([self.api("secret.get_value", secret), self.api("secret.get_uuid", secret)], ["second", uuid])
        self.api("secret.destroy", secret)
        self.assert_fails("UUID_INVALID", ["secret", uuid], self.api, "secret.get_by_uuid", uuid)
        self.assertEqual(self.api("secret.get_all"), [])


class UserTest(case.ApiTest):
    def test_user_is_made_changed_and_destroyed(self):
        user = self.api("user.create", {"short_name": "anna", "fullname": "Anna", "other_config": {}})
        uuid = self.api("user.get_uuid", user)
        self.assertEqual(self.api("user.get_by_uuid", uuid), user)
        self.api("user.set_fullname", user, "Anna B.")
        self.api("user.add_to_other_config", user, "k", "v")
        self.assertEqual(self.api("user.get_record", user),
                         {"uuid": uuid, "short_name": "anna", "fullname": "Anna B.", "other_config": {"k": "v"}})
        self.api("user.destroy", user)
        self.assert_fails("HANDLE_INVALID", ["user", user], self.api, "user.get_record", user)

    def test_user_is_no_account(self):
        user = self.api("user.create", {"short_name": "bert", "fullname": "Bert", "other_config": {}})
        self.assert_fails("SESSION_AUTHENTICATION_FAILED", None, self.closed_at_end(Wire(("127.0.0.1", self.stack.ports()["plain"]))).raw,
                          "session.login_with_password", "bert", "")
        self.api("user.destroy", user)


class MessageTest(case.ApiTest):
    def setUp(self):
        super().setUp()
        self.uuid = self.api("host.get_uuid", self.api("host.get_all")[0])

    def test_message_is_found_by_what_it_is_about(self):
        message = self.api("message.create", "NAME", 3, "Host", self.uuid, "<body/>")
        record = self.api("message.get_record", message)
        self.assertEqual([record["name"], record["priority"], record["cls"], record["obj_uuid"], record["body"]],
                         ["NAME", 3, "Host", self.uuid, "<body/>"])
        self.assertEqual(self.api("message.get_by_uuid", record["uuid"]), message)
        self.assertEqual(self.api("message.get", "Host", self.uuid, Date("19700101T00:00:00Z")), {message: record})
        self.assertEqual(self.api("message.get_since", record["timestamp"])[message], record)
        self.assertEqual(self.api("message.get_since", Date("20990101T00:00:00Z")), {})
        self.assertEqual(self.api("message.get", "VM", self.uuid, Date("19700101T00:00:00Z")), {})
        self.assertIn(message, self.api("message.get_all"))
        self.assertEqual(self.api("message.get_all_records")[message], record)
        self.assertEqual(list(self.api("message.get_all_records_where", 'field "name" = "NAME"')), [message])
        self.api("message.destroy", message)
        self.assert_fails("HANDLE_INVALID", ["message", message], self.api, "message.get_record", message)

    def test_object_that_is_not_there_has_no_messages(self):
        for cls, uuid in (("VM", self.uuid), ("Pool", self.uuid), ("Host", ""), ("SR", "x")):
            self.assert_fails("UUID_INVALID", [cls, uuid], self.api, "message.create", "NAME", 3, cls, uuid, "body")
        self.assert_fails("UUID_INVALID", ["message", self.uuid], self.api, "message.get_by_uuid", self.uuid)
        self.assert_fails("HANDLE_INVALID", ["message", NOBODY], self.api, "message.destroy", NOBODY)

    def test_expressions_choose_messages(self):
        made = {name: self.api("message.create", name, number, "Host", self.uuid, name.lower()) for number, name in enumerate("AB")}
        for expression, found in (('field "name" = "A"', "A"), ('field "priority" = "1" and field "body" = "b"', "B"), ("false", "")):
            self.assertEqual([ref for ref in self.api("message.get_all_records_where", expression) if ref in made.values()],
                             [made[name] for name in found], expression)
        self.assert_fails("INVALID_VALUE", None, self.api, "message.get_all_records_where", 'field "nosuch" = "x"')
        for message in made.values():
            self.api("message.destroy", message)

    def test_message_is_told_by_events(self):
        message = self.api("message.create", "NAME", 3, "Host", self.uuid, "body")
        token = self.api.raw("event.from", self.api.session, ["message"], "", 0.0).content["token"].content
        self.api("message.destroy", message)
        batch = self.api.raw("event.from", self.api.session, ["message"], token, 5.0).content
        [event] = [event.content for event in batch["events"].content]
        self.assertEqual([event[key].content for key in ("class", "operation", "ref")], ["message", "del", message])

    def test_messages_survive_a_kill(self):
        message = self.api("message.create", "KEPT", 5, "Host", self.uuid, "body")
        record = self.api("message.get_record", message)
        self.restart(kill=True)
        api = self.new_wire()
        self.assertEqual(api("message.get_record", message), record)
        api("message.destroy", message)


class PluginSettersTest(StorageTest):
    """What storage plugins of others write through their session."""

    def test_disk_fields(self):
        sr, _ = self.create_sr("test")
        self.forget_at_end(sr)
        vdi, other = self.create_vdi(sr), self.create_vdi(sr)
        pool = self.api("pool.get_all")[0]
        for field, value in (("managed", False), ("missing", True), ("virtual_size", 2 ** 40), ("physical_utilisation", 5),
                             ("is_a_snapshot", True), ("snapshot_of", other), ("snapshot_of", NULL),
                             ("snapshot_time", Date("20230305T18:18:29Z")), ("metadata_of_pool", pool), ("metadata_of_pool", NULL)):
            self.api(f"VDI.set_{field}", vdi, value)
            self.assertEqual(self.api(f"VDI.get_{field}", vdi), value)
        self.assert_fails("HANDLE_INVALID", ["VDI", NOBODY], self.api, "VDI.set_snapshot_of", vdi, NOBODY)
        self.api("VDI.db_forget", vdi)
        self.assertEqual(self.api("SR.get_VDIs", sr), [other])

    def test_repository_fields(self):
        sr, _ = self.create_sr("test")
        self.forget_at_end(sr)
        for field in ("virtual_allocation", "physical_utilisation", "physical_size"):
            self.api(f"SR.set_{field}", sr, 2 ** 41)
            self.assertEqual(self.api(f"SR.get_{field}", sr), 2 ** 41)
        self.api("SR.update", sr)
        self.assertEqual(self.api("SR.get_virtual_allocation", sr), 0)


if __name__ == "__main__":
    case.main("api/misc")
