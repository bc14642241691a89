"""Says what is in a Parquet file, so that two outputs can be compared.   usage: check.py FILE TYPES_OF

Prints JSON: rows, and for each column its NULLs and an order-free hash of its values, cast to the types of the same columns in
TYPES_OF. Casting first makes 3 and 3.0, or a day as date and as midnight, the same value where the cast is exact; a value
that the cast would change is counted as `lost`. Codec, level and row groups come from the file's own footer.
"""
import json
import sys

import duckdb
import pyarrow.parquet


def columns_of(connection, path):
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()}


def main(path, types_of):
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    wanted, found = columns_of(connection, types_of), columns_of(connection, path)
    out = {"columns": list(found) == list(wanted), "types": found, "values": {}}
    for name, kind in wanted.items():
        if name not in found:
            continue
        column = f'"{name}"'
        as_wanted = f"TRY_CAST({column} AS {kind})"
        lost = f"count(*) FILTER ({column} IS NOT NULL AND ({as_wanted} IS NULL OR TRY_CAST({as_wanted} AS {found[name]}) IS DISTINCT FROM {column}))"
        rows, nulls, lost, empty, total = connection.execute(
            f"SELECT count(*), count(*) - count({column}), {lost}, count(*) FILTER (CAST({column} AS VARCHAR) = ''), "
            f"sum(hash({as_wanted})::HUGEINT) FILTER ({column} IS NOT NULL AND CAST({column} AS VARCHAR) <> '') FROM read_parquet('{path}')").fetchone()
        out["rows"] = rows
        out["values"][name] = {"nulls": nulls, "lost": lost, "empty": empty, "hash": str(total)}
    footer = pyarrow.parquet.ParquetFile(path).metadata
    out["row_groups"] = footer.num_row_groups
    out["codecs"] = sorted({footer.row_group(group).column(column).compression
                            for group in range(footer.num_row_groups) for column in range(footer.num_columns)})
    print(json.dumps(out))


if __name__ == "__main__":
    main(*sys.argv[1:3])
