# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real OpenLDAP server in a folder of its own, from the package that was unpacked for tests: no service of the machine is touched."""

import base64
import os
import socket
import struct
import subprocess
from pathlib import Path
from urllib.parse import quote

from server import free_port, packages_dir, wait_until

START_SECONDS = 30
STOP_SECONDS = 30
SCHEMAS = ("core", "cosine", "inetorgperson", "nis")
ADMIN = "cn=admin,dc=com"
ADMIN_PASSWORD = "the directory's own"
READER = "cn=reader,dc=com"
READER_PASSWORD = "may search"


def sid(text):
    """The bytes of "S-1-5-21-..."."""
    authority, *rest = [int(part) for part in text.split("-")[2:]]
    return bytes([1, len(rest)]) + authority.to_bytes(6, "big") + b"".join(struct.pack("<I", part) for part in rest)


def entry(dn, **attributes):
    """The LDIF of one entry; a list is several values, bytes are written as base64. "_" in a name stands for "-"."""
    lines = [f"dn: {dn}"]
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            raw = value if isinstance(value, bytes) else str(value).encode()
            lines.append(f"{name.replace('_', '-')}:: {base64.b64encode(raw).decode()}")
    return "\n".join(lines) + "\n\n"


class Slapd:
    """slapd over @folder with the entries of @ldif; anonymous clients may log in and read nothing."""

    def __init__(self, folder, ldif, certificate=None, key=None):
        self.folder = Path(folder)
        self.root = packages_dir() / "slapd"
        self.process = None
        self.port = None
        self.uri = "ldapi://" + quote(str(self.folder / "ldapi"), safe="")
        (self.folder / "db").mkdir(parents=True)
        self.configuration = self.folder / "slapd.conf"
        self.configuration.write_text(self.settings(certificate, key), encoding="utf-8")
        head = entry("dc=com", objectClass=["domain"], dc="com") + entry(
            READER, objectClass=["organizationalRole", "simpleSecurityObject"], cn="reader", userPassword=READER_PASSWORD)
        (self.folder / "data.ldif").write_text(head + ldif, encoding="utf-8")
        self.run("usr/sbin/slapadd", "-q", "-f", str(self.configuration), "-l", str(self.folder / "data.ldif"))

    def settings(self, certificate, key):
        """slapd.conf."""
        schemas = [self.root / f"etc/ldap/schema/{name}.schema" for name in SCHEMAS]
        schemas.append(Path(__file__).resolve().parent / "active_directory.schema")
        tls = [f'TLSCertificateFile "{certificate}"', f'TLSCertificateKeyFile "{key}"'] if certificate else []
        return "\n".join([
            *(f'include "{path}"' for path in schemas), f'modulepath "{self.root}/usr/lib/ldap"', "moduleload back_mdb", *tls,
            "database mdb", 'suffix "dc=com"', f'rootdn "{ADMIN}"', f'rootpw "{ADMIN_PASSWORD}"', f'directory "{self.folder}/db"',
            "maxsize 16777216", "access to attrs=userPassword by anonymous auth by * none",
            f'access to * by dn.exact="{READER}" read by * none', ""])

    def environment(self):
        """Its own library is in the package too."""
        libraries = next(self.root.glob("usr/lib/*/libslapi-*.so.0")).parent
        return {**os.environ, "LD_LIBRARY_PATH": str(libraries), "LDAPNOINIT": "1"}

    def run(self, program, *arguments, text=None):
        """Runs a program to its end; what it complains about is raised."""
        path = self.root / program if "/" in program else program
        result = subprocess.run([str(path), *arguments], env=self.environment(), input=text, text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode != 0:
            raise AssertionError(f"{program}: {result.stdout}")
        return result.stdout

    def start(self):
        """Until it answers, on TCP as self.port and on self.uri."""
        self.port = self.port or free_port()
        addresses = f"ldap://127.0.0.1:{self.port}/ {self.uri}/"
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(self.root / "usr/sbin/slapd"), "-d", "0", "-f", str(self.configuration), "-h", addresses],
                                            env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, "slapd answers", START_SECONDS)

    def answers(self):
        """Whether TCP connections are taken; an early end is raised."""
        if self.process.poll() is not None:
            raise AssertionError("slapd has ended: " + (self.folder / "log").read_text(encoding="utf-8"))
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """Ends it; its data stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(STOP_SECONDS)
            self.process = None

    def modify(self, dn, **attributes):
        """Replaces these attributes; None removes one."""
        lines = [f"dn: {dn}", "changetype: modify"]
        for name, value in attributes.items():
            raw = None if value is None else str(value).encode()
            lines += [f"replace: {name}"] + ([] if raw is None else [f"{name}:: {base64.b64encode(raw).decode()}"]) + ["-"]
        self.change("\n".join(lines) + "\n")

    def delete(self, dn):
        """Removes an entry."""
        self.change(f"dn: {dn}\nchangetype: delete\n")

    def change(self, ldif):
        """By the administrator."""
        self.run("ldapmodify", "-x", "-H", self.uri, "-D", ADMIN, "-w", ADMIN_PASSWORD, text=ldif)
