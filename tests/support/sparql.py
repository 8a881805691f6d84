"""Queries that must not reach the network, and a server that notes who asks it."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

#: What went out, or could have, when a SERVICE was looked for by a regular expression or by one parser alone.
#: URL stands for the address of the server that must not be asked.
HOSTILE = {
    "a dot before": "SELECT * { ?s ?p ?o.SERVICE <URL> {} }",
    "a comment behind": "SELECT * { ?s ?p ?o FILTER(1<2)SERVICE#>\n<URL> {} }",
    "a prefix": "PREFIX : <URL> SELECT * { SERVICE:{} }",
    "silent": "SELECT * { SERVICE SILENT <URL> {} }",
    "a variable": "SELECT * { BIND(<URL> AS ?u) SERVICE ?u {} }",
    "in a filter": "SELECT * { ?s ?p ?o FILTER NOT EXISTS { sErViCe <URL> {} } }",
    "in a subquery": "SELECT * { { SELECT * { OPTIONAL { GRAPH ?g { SERVICE <URL> {} } } } } }",
    "in a construction": "CONSTRUCT { ?s ?p ?o } WHERE { MINUS { SERVICE <URL> {} } }",
    "in a question": "ASK { { } UNION { SERVICE <URL> {} } }",
    "a comment that ends in CR": "SELECT * { ?s ?p ?o #\rSERVICE <URL> {}\n }",
    "an escaped quote": 'SELECT * { ?s ?p "a\\u0022," SERVICE <URL> {} #"\n }',
    "an escaped letter": "SELECT * { ?s ?p ?o . \\u0053ERVICE <URL> {} }",
    "an escaped escape": 'SELECT * { ?s ?p "\\\\u0022," . SERVICE <URL> {} #"\n }',
    "a long escape": 'SELECT * { ?s ?p "a\\U00000022," SERVICE <URL> {} #"\n }',
    "too deep": "SELECT * { " + "{ " * 5000 + "SERVICE <URL> {}" + " }" * 5000 + " }",
}


def start_listener():
    """A server on this machine, its address, and the list of what was asked of it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(500)

        do_POST = do_GET

        def log_message(self, *args):
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/asked", asked
