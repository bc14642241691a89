"""Converts a CSV to Parquet (zstd 3) the way each library's own people would.   usage: peers.py TOOL IN OUT NULL_TEXT

NULL_TEXT is the mark that stands for NULL in the file beside the empty field ("" when there is none). Types are inferred
by each tool. One process a run: start-up is part of what a user waits for.
"""
import sys

LEVEL = 3
ROWS_A_GROUP = 1_000_000


def duckdb_copy(source, target, null_text, ordered):
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    if not ordered:
        connection.execute("SET preserve_insertion_order = false")
    nulls = f", nullstr = ['', '{null_text}']" if null_text else ""
    connection.execute(f"COPY (FROM read_csv('{source}'{nulls})) TO '{target}' "
                       f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {LEVEL})")


def duckdb_unordered(source, target, null_text):
    duckdb_copy(source, target, null_text, ordered=False)


def duckdb_ordered(source, target, null_text):
    duckdb_copy(source, target, null_text, ordered=True)


def polars_sink(source, target, null_text):
    import polars
    (polars.scan_csv(source, try_parse_dates=True, null_values=[null_text] if null_text else None, infer_schema_length=10_000)
     .sink_parquet(target, compression="zstd", compression_level=LEVEL))


def pandas_chunks(source, target, null_text):
    import pandas
    import pyarrow
    import pyarrow.parquet
    marks = ["", null_text] if null_text else [""]
    options = {"na_values": marks, "keep_default_na": False}
    sample = pandas.read_csv(source, nrows=10_000, **options)
    # pandas guesses neither dates nor integers with gaps: its user looks at the head of the file and names them.
    times, types = [], {}
    for name, values in sample.items():
        known = values.dropna()
        if pandas.api.types.is_float_dtype(values) and len(known) and (known == known.round()).all():
            types[name] = "Int64"
        elif values.dtype.kind not in "biuf" and len(known) and known.astype(str).str.fullmatch(r"\d{4}-\d\d-\d\d([ T].*)?").all():
            times.append(name)
    writer = None
    for chunk in pandas.read_csv(source, chunksize=ROWS_A_GROUP, dtype=types, parse_dates=times, **options):
        table = pyarrow.Table.from_pandas(chunk, preserve_index=False)
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(target, table.schema, compression="zstd", compression_level=LEVEL)
        writer.write_table(table.cast(writer.schema))
    writer.close()


def pyarrow_streaming(source, target, null_text):
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet
    # Small blocks make small row groups: gather a million rows before writing.
    nulls = pyarrow.csv.ConvertOptions(null_values=["", null_text] if null_text else [""], strings_can_be_null=True,
                                       quoted_strings_can_be_null=False)
    reader = pyarrow.csv.open_csv(source, read_options=pyarrow.csv.ReadOptions(block_size=8 << 20), convert_options=nulls)
    with pyarrow.parquet.ParquetWriter(target, reader.schema, compression="zstd", compression_level=LEVEL) as writer:
        held, rows = [], 0
        for batch in reader:
            held.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_A_GROUP:
                writer.write_table(pyarrow.Table.from_batches(held))
                held, rows = [], 0
        if held:
            writer.write_table(pyarrow.Table.from_batches(held))


def pyarrow_eager(source, target, null_text):
    import pyarrow.csv
    import pyarrow.parquet
    nulls = pyarrow.csv.ConvertOptions(null_values=["", null_text] if null_text else [""], strings_can_be_null=True,
                                       quoted_strings_can_be_null=False)
    table = pyarrow.csv.read_csv(source, read_options=pyarrow.csv.ReadOptions(block_size=8 << 20), convert_options=nulls)
    pyarrow.parquet.write_table(table, target, compression="zstd", compression_level=LEVEL)


TOOLS = {
    "DuckDB unordered": duckdb_unordered,
    "DuckDB ordered": duckdb_ordered,
    "Polars sink_parquet": polars_sink,
    "pandas, chunks": pandas_chunks,
    "PyArrow streaming": pyarrow_streaming,
    "PyArrow eager": pyarrow_eager,
}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](*sys.argv[2:5])
