"""Random Avro schemas with values of them, from a seed, and what becomes of both in trommel's types."""
import datetime
import decimal
import random
import string
import struct
import uuid

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def record(self, depth=0):
        fields = [{"name": self.name("f"), "type": self.type(depth + 1)} for _ in range(self.random.randint(1, 8 if depth == 0 else 4))]
        return {"type": "record", "name": self.name("R"), "fields": fields}

    def type(self, depth):
        kinds = ["primitive"] * 5 + ["logical"] * 4 + ["nullable"] * 4 + ["enum", "fixed", "choice"]
        if depth < 4:
            kinds += ["array", "map", "record"]
        kind = self.random.choice(kinds)
        if kind == "nullable":
            branches = ["null", self.plain(depth)]
            self.random.shuffle(branches)
            return branches
        if kind == "choice":
            return self.random.choice([["int", "long"], ["null", "string", "long"], ["null", "boolean", "double", {"type": "array", "items": "int"}],
                                       ["bytes", {"type": "map", "values": "string"}]])
        return self.plain(depth, kind)

    def plain(self, depth, kind=None):
        kind = kind or self.random.choice(["primitive", "logical", "enum", "fixed"] + (["array", "map", "record"] if depth < 4 else []))
        if kind == "primitive":
            return self.random.choice(["boolean", "int", "long", "float", "double", "bytes", "string"])
        if kind == "logical":
            name = self.random.choice(["date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "local-timestamp-millis",
                                       "local-timestamp-micros", "uuid", "decimal", "decimal-fixed"])
            if name == "decimal":
                precision = self.random.randint(1, 38)
                return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": self.random.randint(0, precision)}
            if name == "decimal-fixed":
                return {"type": "fixed", "name": self.name("D"), "size": self.random.randint(9, 17), "logicalType": "decimal", "precision": 20, "scale": 3}
            base = "string" if name == "uuid" else "int" if name in ("date", "time-millis") else "long"
            return {"type": base, "logicalType": name}
        if kind == "enum":
            return {"type": "enum", "name": self.name("E"), "symbols": ["A", "B", "C"][:self.random.randint(1, 3)]}
        if kind == "fixed":
            return {"type": "fixed", "name": self.name("F"), "size": self.random.randint(1, 9)}
        if kind == "array":
            return {"type": "array", "items": self.type(depth + 1)}
        if kind == "map":
            return {"type": "map", "values": self.type(depth + 1)}
        return self.record(depth)

    def integer(self, bits):
        magnitude = self.random.randint(0, bits - 1)
        return self.random.choice([self.random.randint(-2**magnitude, 2**magnitude - 1), 0, -2**(bits - 1), 2**(bits - 1) - 1])

    def text(self):
        return "".join(self.random.choice(string.ascii_letters + "äß€😀\n\0") for _ in range(self.random.choice([0, 1, 3, 20])))

    def value(self, kind):
        """Of a schema, as fastavro takes it."""
        if isinstance(kind, list):
            return self.value(self.random.choice(kind))
        if isinstance(kind, dict):
            return self.value_of_object(kind)
        draw = self.random
        return {"null": lambda: None, "boolean": lambda: draw.random() < 0.5, "int": lambda: self.integer(32), "long": lambda: self.integer(64),
                "float": lambda: float(draw.randint(-1000, 1000)) / 4, "double": lambda: draw.choice([draw.random(), 1e300, -0.0, float("inf")]),
                "bytes": lambda: draw.randbytes(draw.choice([0, 1, 5, 40])), "string": self.text}[kind]()

    def value_of_object(self, kind):
        draw, logical = self.random, kind.get("logicalType")
        if logical == "decimal":
            digits = draw.randint(1, kind["precision"])
            return decimal.Decimal(draw.randint(-10**digits + 1, 10**digits - 1)).scaleb(-kind["scale"], decimal.Context(prec=60))
        if logical == "uuid":
            return uuid.UUID(int=draw.getrandbits(128))
        if logical == "date":
            return datetime.date(1970, 1, 1) + datetime.timedelta(days=draw.randint(-200000, 200000))
        if logical in ("time-millis", "time-micros"):
            micros = draw.randint(0, 86_400_000_000 - 1)
            micros -= micros % 1000 if logical == "time-millis" else 0
            return (EPOCH + datetime.timedelta(microseconds=micros)).time()
        if logical:
            micros = draw.randint(-10**15, 10**16)
            micros -= micros % 1000 if logical.endswith("millis") else 0
            moment = EPOCH + datetime.timedelta(microseconds=micros)
            return moment if logical.startswith("local") else moment.replace(tzinfo=UTC)
        if kind["type"] == "enum":
            return draw.choice(kind["symbols"])
        if kind["type"] == "fixed":
            return draw.randbytes(kind["size"])
        if kind["type"] == "array":
            return [self.value(kind["items"]) for _ in range(draw.choice([0, 1, 2, 5]))]
        if kind["type"] == "map":
            return {self.text() + str(i): self.value(kind["values"]) for i in range(draw.choice([0, 1, 3]))}
        if kind["type"] == "record":
            return {field["name"]: self.value(field["type"]) for field in kind["fields"]}
        return self.value(kind["type"])


def branch_name(kind):
    return kind if isinstance(kind, str) else kind.get("name", kind["type"])


def is_of(kind, value):
    name = kind if isinstance(kind, str) else kind["type"]
    return {"string": str, "long": int, "boolean": bool, "double": float, "array": list, "bytes": bytes, "map": dict}[name] is type(value)


def as_columns(kind, value):
    """A value as Arrow's own to_pylist gives it back once trommel has read it."""
    if value is None:
        return None
    if isinstance(kind, list):
        branches = [branch for branch in kind if branch != "null"]
        if len(branches) == 1:
            return as_columns(branches[0], value)
        if branches == ["int", "long"]:
            return value
        return {branch_name(branch): as_columns(branch, value) if is_of(branch, value) else None for branch in branches}
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return [as_columns(kind["items"], item) for item in value]
        if kind["type"] == "map":
            return [(key, as_columns(kind["values"], item)) for key, item in value.items()]
        if kind["type"] == "record":
            return {field["name"]: as_columns(field["type"], value[field["name"]]) for field in kind["fields"]}
    return value


def as_written(kind, value):
    """The same once it has been written as Avro again and read by fastavro: maps stay maps."""
    if value is None:
        return None
    if kind == "float":  # fastavro keeps digits of a promoted integer that no float has
        return struct.unpack("f", struct.pack("f", value))[0]
    if isinstance(kind, list):
        branches = [branch for branch in kind if branch != "null"]
        if len(branches) > 1 and branches != ["int", "long"]:
            return {branch_name(branch): as_written(branch, value) if is_of(branch, value) else None for branch in branches}
        return as_written(branches[0], value)
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return [as_written(kind["items"], item) for item in value]
        if kind["type"] == "map":
            return {key: as_written(kind["values"], item) for key, item in value.items()}
        if kind["type"] == "record":
            return {field["name"]: as_written(field["type"], value[field["name"]]) for field in kind["fields"]}
    return value
