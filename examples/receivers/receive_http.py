#!/usr/bin/env python3
# Receiver for the http plugin: one POST is one path.
import http.server, sys, urllib.parse

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
        form = urllib.parse.parse_qs(body, encoding="latin-1")  # a path is bytes
        print(repr(form["inotifyPath"][0].encode("latin-1")) + "\n", end="", flush=True)
        self.send_response(204), self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
