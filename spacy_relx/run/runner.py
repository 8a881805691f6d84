"""The one function that engines run: numbers of shards in, what became of them out, both as Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..data.strict_json import dump_json
from ..errors import RelxError
from .plan import Job, Shard
from .shard import ShardReport, run_shard


class ShardRunner:
    """Runs shards; pickled, it holds what it needs to know of them, and no data."""

    def __init__(self, job: Job, shards: Sequence[Shard]):
        self.job, self.shards = job, list(shards)

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """batches: of Arrow, whose first column is places in `shards`. RETURNS: batches with a column "report"."""
        for batch in batches:
            yield self.run(batch.column(0).to_pylist())

    def run(self, numbers: Sequence[int]) -> Any:
        """The reports of these shards, as JSON, in a record batch."""
        import pyarrow as pa

        reports = [dump_json(asdict(run_shard(self.job, self.shards[number]))) for number in numbers]
        return pa.record_batch([pa.array(reports, pa.string())], names=["report"])


def reports_of(rows: Sequence[str]) -> Iterator[ShardReport]:
    """What `ShardRunner` gives, as reports."""
    for row in rows:
        yield ShardReport(**json.loads(row))


def engine_failure(engine: str, err: Exception) -> RelxError:
    """RX406, with what the error of a worker says at its end: before that stand the engine's own calls."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    ours = [line for line in lines if "RelxError:" in line]
    reason = (ours or lines or [type(err).__name__])[-1 if ours else 0]
    return RelxError("RX406", engine=engine, reason=reason.split("RelxError:")[-1].strip()[:1000])
