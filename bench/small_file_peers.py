"""One way each to turn a folder of students' files into Parquet files and rows of a table.   usage: small_file_peers.py WAY FOLDER

Every way drops rows with an empty cell, lowers names and text, drops rows that come again within a file, and deletes what it read.
"""
import pathlib
import sys


def pandas(folder):
    """File by file, as most people write it: each file's rows are a transaction of their own."""
    import duckdb
    import pandas as pd
    connection = duckdb.connect(str(folder / "students.duckdb"))
    for number, path in enumerate(sorted((folder / "input_csv").glob("*.csv"))):
        rows = pd.read_csv(path, sep=";").dropna()
        rows.columns = rows.columns.str.lower()
        for name in rows.columns:
            if not pd.api.types.is_numeric_dtype(rows[name]):
                rows[name] = rows[name].str.lower()
        rows = rows.drop_duplicates()
        rows.to_parquet(folder / "output_parquet" / (path.stem + ".parquet"))
        connection.execute("INSERT INTO student_data SELECT * FROM rows" if number else "CREATE TABLE student_data AS SELECT * FROM rows")
        path.unlink()
    connection.close()


def tidied(frame, by=()):
    import polars as pl
    return frame.rename(str.lower).drop_nulls().with_columns(pl.col(pl.String).exclude(*by).str.to_lowercase()) if by else \
        frame.rename(str.lower).drop_nulls().with_columns(pl.col(pl.String).str.to_lowercase())


def polars_each(folder):
    """File by file with Polars, all rows in memory until one insert at the end."""
    import duckdb
    import polars as pl
    frames = []
    for path in sorted((folder / "input_csv").glob("*.csv")):
        rows = tidied(pl.read_csv(path, separator=";")).unique(maintain_order=True)
        rows.write_parquet(folder / "output_parquet" / (path.stem + ".parquet"))
        frames.append(rows)
    rows = pl.concat(frames, how="vertical_relaxed")
    with duckdb.connect(str(folder / "students.duckdb")) as connection:
        connection.execute("CREATE TABLE student_data AS SELECT * FROM rows")
    for path in (folder / "input_csv").glob("*.csv"):
        path.unlink()


def polars_scan(folder):
    """All files in one scan, one Parquet file for all of them, one insert: what the rows alone cost."""
    import duckdb
    import polars as pl
    scan = pl.scan_csv(folder / "input_csv/*.csv", separator=";", include_file_paths="from_file")
    rows = tidied(scan, by=["from_file"]).unique(maintain_order=True).drop("from_file").collect()
    rows.write_parquet(folder / "output_parquet/all.parquet")
    with duckdb.connect(str(folder / "students.duckdb")) as connection:
        connection.execute("CREATE TABLE student_data AS SELECT * FROM rows")
    for path in (folder / "input_csv").glob("*.csv"):
        path.unlink()


if __name__ == "__main__":
    {"pandas": pandas, "polars_each": polars_each, "polars_scan": polars_scan}[sys.argv[1]](pathlib.Path(sys.argv[2]))
