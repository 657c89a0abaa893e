#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users of a directory, let in and sent away by xe; and what xe refuses them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tap  # noqa: E402  (xe_case adds its folder)
from slapd import READER, READER_PASSWORD, Slapd, entry  # noqa: E402
from xe_case import Row, XeTest  # noqa: E402

BASE = "dc=xylem,dc=com"
CLASSES = ["inetOrgPerson", "posixAccount", "shadowAccount"]
ENTRIES = entry(BASE, objectClass=["domain"], dc="xylem") + entry(
    f"cn=Anna,{BASE}", objectClass=CLASSES, cn="Anna", sn="x", uid="anna", uidNumber=1001, gidNumber=2001, homeDirectory="/",
    userPassword="open sesame")

SERVICE = "auth-type=LDAP service-name=directory.example.com"
CONFIG = f"config:uri={{uri}} config:base-dn={BASE} config:user={READER} 'config:pass={READER_PASSWORD}'"


def roles(*wanted):
    """The subject has these roles."""
    def check(test):
        return {test.client.role.get_name_label(ref) for ref in test.record("subject", "subject")["roles"]} == set(wanted)
    return check


def host_uses(wanted):
    """What the host asks about users."""
    return lambda test: test.record("host", "host")["external_auth_type"] == wanted


ROWS = (
    Row("host-list --minimal", keep="host"),
    Row("subject-add subject-name=anna", fails="external authentication is switched off"),
    Row(f"pool-enable-external-auth {SERVICE} {CONFIG}", check=host_uses("LDAP")),
    Row("subject-add subject-name=nobody", fails=""),
    Row("subject-add subject-name=anna", keep="subject", check=roles()),
    Row("subject-list params=uuid --minimal", output="{subject}"),
    Row("subject-role-add uuid={subject}", fails="Error: Give exactly one of these: role-name, role-uuid"),
    Row("subject-role-add uuid={subject} role-name=emperor", fails="emperor"),
    Row("subject-role-add uuid={subject} role-name=read-only", check=roles("read-only")),
    Row("subject-list params=roles --minimal", output="read-only"),
    Row("role-list name=vm-admin params=uuid --minimal", keep="role"),
    Row("subject-role-add uuid={subject} role-uuid={role}", check=roles("read-only", "vm-admin")),
    Row("subject-role-remove uuid={subject} role-uuid={role}", check=roles("read-only")),
)

END_ROWS = (
    Row("session-subject-identifier-logout subject-identifier=nobody"),
    Row("session-subject-identifier-logout-all"),
    Row("session-subject-identifier-list --minimal", output=""),
    Row("subject-role-remove uuid={subject} role-name=read-only", check=roles()),
    Row("subject-remove subject-uuid={subject}", check=lambda test: test.gone("subject", "subject")),
    Row("pool-disable-external-auth", check=host_uses("")),
    Row(f"host-enable-external-auth host-uuid={{host}} {SERVICE} {CONFIG} --force", check=host_uses("LDAP")),
    Row("host-disable-external-auth host-uuid={host}", fails="--force"),
    Row("host-disable-external-auth host-uuid={host} --force", check=host_uses("")),
)


class XeSubjectsTest(XeTest):
    OPTIONS = ("--login-delay", "0")

    def setUp(self):
        super().setUp()
        directory = Slapd(self.stack.state / "slapd", ENTRIES)
        self.addCleanup(directory.stop)
        directory.start()
        self.kept["uri"] = directory.uri

    def as_anna(self, *words):
        """xe over TLS with her name and password."""
        port = self.stack.ports()["plain"]
        return self.xe("-s", "127.0.0.1", "-p", str(port), "--nossl", "-u", "anna", "-pw", "open sesame", *words)

    def test_users_of_a_directory_are_let_in_with_their_roles(self):
        self.run_rows(ROWS)
        status, out, err = self.as_anna("host-list", "--minimal")
        self.assertEqual((status, out.strip(), err), (0, self.kept["host"], ""))
        status, out, err = self.as_anna("network-create", "name-label=x")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("network.create", err)
        self.run_rows(END_ROWS)
        self.assertEqual(self.as_anna("host-list")[0], 1)


if __name__ == "__main__":
    tap.main("system/xe-subjects")
