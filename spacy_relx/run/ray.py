"""Shards on Ray Data, by `map_batches` over actors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from ..data._compat import optional_import
from .plan import Job, Shard
from .runner import ShardRunner, engine_failure, reports_of
from .shard import ShardReport


def _actor(runner: ShardRunner) -> type:
    """A process of Ray's, which knows the runner from its class: an argument could be lost before a restart."""

    class Actor:
        def __call__(self, table: Any) -> Any:
            import pyarrow as pa

            return pa.Table.from_batches([runner.run(table.column(0).to_pylist())])

    return Actor


def run_ray(
    job: Job,
    shards: Sequence[Shard],
    workers: int,
    options: Mapping[str, str],
    progress: Callable[[int], None],
) -> Generator[ShardReport]:
    """Run shards in actors of Ray Data; the reports come as shards are done.

    options: arguments of `ray.init`, such as address. Without an address, and without a cluster that is joined already,
    one of this machine is started, with `workers` cores. All nodes must see the inputs, the pipeline and the output
    under the same paths. RAISES: RelxError RX005 without Ray, RX406 for what Ray says.
    """
    ray = optional_import("ray", extra="ray", purpose="annotating on Ray")
    data = optional_import("ray.data", extra="ray", purpose="annotating on Ray")
    ours = not ray.is_initialized()
    try:
        if ours:
            given = dict(options) if options else {"num_cpus": workers, "include_dashboard": False}
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **given)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        data.DataContext.get_current().enable_progress_bars = False
        # no tasks of reading: they would wait for the core that the only actor has
        numbers = data.from_items([{"id": number} for number in range(len(shards))], override_num_blocks=len(shards))
        dataset = numbers.map_batches(
            _actor(ShardRunner(job, shards)),
            batch_size=1,
            batch_format="pyarrow",
            compute=data.ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        for row in dataset.iter_rows():
            yield from reports_of([row["report"]])
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as err:  # Ray's errors carry those of actors
        raise engine_failure("Ray", err) from err
    finally:
        if ours:
            ray.shutdown()
