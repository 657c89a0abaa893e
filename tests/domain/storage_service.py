# SPDX-License-Identifier: LGPL-2.1-or-later
"""A storage service for tests of the domain service. What a disk "SR/VDI" does is said by its SR."""

import socketserver
import threading
import xmlrpc.client
from http.server import BaseHTTPRequestHandler

REFUSAL = ["SR_BACKEND_FAILURE_40", "", "no such volume"]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "storage"

    def log_message(self, *args):
        pass

    def do_POST(self):
        (args,), method = xmlrpc.client.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = getattr(self.server, f"sr_{args['sr']}", self.server.sr_good)(method, args)
        if reply is None:
            self.close_connection = True
            return
        body = xmlrpc.client.dumps((reply,), methodresponse=True).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Storage(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves at @path until close()."""

    daemon_threads = True

    def __init__(self, path):
        super().__init__(path, Handler)
        self.released = threading.Event()
        self.waiting = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Who is cancelled does not wait for the answer."""

    # -- SRs --

    def sr_good(self, method, args):
        """Every VDI is /dev/null."""
        value = {"params": "/dev/null", "xenstore_data": {"image-format": "raw"}} if method == "VDI.attach" else ""
        return {"Status": "Success", "Value": value}

    def sr_refuses(self, method, args):
        """Attaching fails in the storage's own words."""
        return {"Status": "Failure", "ErrorDescription": REFUSAL} if method == "VDI.attach" else self.sr_good(method, args)

    def sr_empty(self, method, args):
        """There is no VDI."""
        return {"Status": "Failure", "ErrorDescription": ["Vdi_does_not_exist", args["vdi"]]}

    def sr_dead(self, method, args):
        """It hangs up."""
        return None

    def sr_slow(self, method, args):
        """Attaching takes until release()."""
        if method == "VDI.attach":
            self.waiting.set()
            self.released.wait()
        return self.sr_good(method, args)
