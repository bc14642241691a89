"""A schema registry in memory, with as much of Confluent's interface as trommel asks for: for tests where no real one runs."""
import base64
import http.server
import json
import threading

import fastavro
from fastavro.schema import parse_schema


class FakeRegistry:
    def __init__(self, user=None, password=None):
        self.schemas, self.subjects = {}, {}
        self.authorization = user and "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if registry.authorization and self.headers.get("Authorization") != registry.authorization:
                    status, answer = 401, {"error_code": 401, "message": "who are you?"}
                else:
                    status, answer = registry.handle(self.command, self.path.split("?")[0].strip("/").split("/"), json.loads(body) if body else None)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.handler, self.port = Handler, 0
        self.again()
        self.url = f"http://127.0.0.1:{self.port}"

    def again(self):
        """Listens, after it was stopped on the same port; what it was told it still knows."""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return True

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def compatible(self, subject, schema):
        """BACKWARD: what is new reads what the newest wrote."""
        versions = self.subjects.get(subject)
        if not versions:
            return True
        writer = parse_schema(json.loads(self.schemas[versions[-1]]))
        known = {field["name"] for field in writer["fields"]}
        added = [field["name"] for field in json.loads(schema)["fields"] if field["name"] not in known and "default" not in field]
        return not added

    def handle(self, method, path, body):
        if method == "GET" and path[:2] == ["schemas", "ids"]:
            schema = self.schemas.get(int(path[2]))
            return (200, {"schema": schema}) if schema else (404, {"error_code": 40403, "message": "Schema not found"})
        if path[0] == "subjects" and path[2:] == ["versions", "latest"]:
            versions = self.subjects.get(path[1])
            if not versions:
                return 404, {"error_code": 40401, "message": "Subject not found"}
            return 200, {"subject": path[1], "id": versions[-1], "version": len(versions), "schema": self.schemas[versions[-1]]}
        if method == "POST" and path[0] == "subjects" and path[2:] == ["versions"]:
            if not self.compatible(path[1], body["schema"]):
                return 409, {"error_code": 409, "message": "incompatible"}
            fastavro.parse_schema(json.loads(body["schema"]))
            number = next((id for id, text in self.schemas.items() if text == body["schema"]), len(self.schemas) + 1)
            self.schemas[number] = body["schema"]
            if number not in self.subjects.setdefault(path[1], []):
                self.subjects[path[1]].append(number)
            return 200, {"id": number}
        if method == "POST" and path[0] == "compatibility":
            if path[2] not in self.subjects:
                return 404, {"error_code": 40401, "message": "Subject not found"}
            return 200, {"is_compatible": self.compatible(path[2], body["schema"])}
        return 404, {"error_code": 404, "message": "no such thing"}
