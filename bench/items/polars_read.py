"""Child process of the bench: a log to histories with polars. Users and items become numbers, events of a user lists."""

import sys

import polars as pl

COLUMNS = {"user": pl.String, "item": pl.String, "time": pl.Int64, "weight": pl.Float32}


def main() -> None:
    path, way = sys.argv[1:]
    log = pl.scan_csv(path, schema=COLUMNS) if path.endswith(".csv") else pl.scan_parquet(path)
    numbers = (pl.col(name).cast(pl.Categorical).to_physical() for name in ("user", "item"))
    log = log.with_columns(*numbers, pl.col("weight").cast(pl.Float32))
    if way == "eager":
        histories = log.collect().sort("user", "time").group_by("user", maintain_order=True).agg("item", "time", "weight")
    else:
        # Within a group the order of rows is kept.
        histories = log.sort("time").group_by("user").agg("item", "time", "weight").collect(engine="streaming")
    print(histories.height)


if __name__ == "__main__":
    main()
