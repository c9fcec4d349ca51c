"""Set operations over tables of any size: the only importer of Ibis, DuckDB and PySpark.

A question about rows (which of them stand on both sides, which came too late) is written once as an Ibis expression and runs
on DuckDB or Spark, over frames in memory and Parquet files in place. What an answer means is the rules' part (`gates/`).
"""
