#!/usr/bin/env python3
# Receiver for the socket plugin: one connection is one path, to its end.
import socketserver, sys

class Receiver(socketserver.StreamRequestHandler):
    def handle(self):
        print(repr(self.rfile.read()) + "\n", end="", flush=True)

with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Receiver) as server:
    server.serve_forever()
