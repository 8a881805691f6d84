"""Shards on Apache Spark, by `mapInArrow`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from ..data._compat import optional_import
from ..errors import RelxError
from .plan import Job, Shard
from .runner import ShardRunner, engine_failure, reports_of
from .shard import ShardReport, done_report

#: Seconds between two looks at what is done.
_POLL = 0.5


def run_spark(
    job: Job,
    shards: Sequence[Shard],
    workers: int,
    options: Mapping[str, str],
    progress: Callable[[int], None],
) -> Generator[ShardReport]:
    """Run shards as the tasks of one Spark job; the reports come as shards are done.

    options: Spark's settings, such as spark.master. Without a master, of theirs or of Spark's own configuration, this
    machine's, with `workers` cores and four attempts a task. All nodes must see the inputs, the pipeline and the output
    under the same paths. RAISES: RelxError RX005 without pyspark, RX406 for what Spark says.
    """
    sql = optional_import("pyspark.sql", extra="spark", purpose="annotating on Spark")
    session, ours = _session(sql, workers, options)
    waiting = {shard.name: shard for shard in shards}
    try:
        frame = session.range(0, len(shards), 1, numPartitions=len(shards))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about pandas, which is not used here
            job_frame = frame.mapInArrow(ShardRunner(job, shards), "report string")
        with ThreadPoolExecutor(1) as thread:
            rows = thread.submit(job_frame.collect)
            try:
                while waiting and not wait([rows], _POLL).done:
                    yield from _done(Path(job.output), waiting)
            except BaseException:
                session.stop()  # else the thread would wait for the whole job
                raise
            found = [row.report for row in rows.result()]
    except (KeyboardInterrupt, GeneratorExit, RelxError):
        raise
    except Exception as err:  # Py4J and PySpark have many kinds
        raise engine_failure("Spark", err) from err
    finally:
        if ours:
            session.stop()
    yield from (report for report in reports_of(found) if report.name in waiting)


def _done(output: Path, waiting: dict[str, Shard]) -> Iterator[ShardReport]:
    """The reports of those that are done, which wait no longer: the job gives its rows at its end only."""
    for shard in list(waiting.values()):
        if (report := done_report(output, shard)) is not None:
            del waiting[shard.name]
            yield report


def _session(sql: Any, workers: int, options: Mapping[str, str]) -> tuple[Any, bool]:
    """The session, and whether it was made here."""
    active = sql.SparkSession.getActiveSession()
    builder = sql.SparkSession.builder.appName("spacy_relx annotate")
    for name, value in options.items():
        builder = builder.config(name, value)
    if active is None and "spark.master" not in options and "spark.remote" not in options:
        conf = optional_import("pyspark", extra="spark", purpose="annotating on Spark").SparkConf()
        if not conf.contains("spark.master"):
            # local[N] alone would not try a task again
            builder = builder.master(f"local[{workers},4]").config("spark.ui.enabled", "false")
            # the console has the command's own progress
            builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "ERROR")
            # the workers of this machine run this Python, not the first one on the path
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about pandas, which is not used here
            return builder.getOrCreate(), active is None
    except Exception as err:  # no Java, no such master
        raise engine_failure("Spark", err) from err
