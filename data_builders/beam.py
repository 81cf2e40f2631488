"""The same shards, written by an Apache Beam pipeline, for corpora that one machine is too small for.

python -m data_builders.beam daic_woz/3hz --manual_dir=FOLDER --data_dir=FOLDER --runner=DirectRunner

What follows the folders are options of Beam. A data set prepared so is the one that run.py finds with
--config.data.data_dir=FOLDER. Beam holds protobuf and pyarrow back, so it has an environment of its own, without JAX:
requirements-beam.txt. All its workers must see both folders under the same paths, as on a shared disk.
"""

import argparse
import importlib
import json
import pathlib
import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_builders.preparation import open_or_prepare
from data_builders.report import Summary
from data_builders.shards import Outcome, Shard, write_shard
from mccl_jax.errors import UserError
from mccl_jax.files import refuse_remote

CORPORA = ("cmdc", "daic_woz", "e_daic")
_SUFFIX = ".outcomes.json"


def write_with_beam(
    shards: Sequence[Shard],
    runner: str | beam.runners.PipelineRunner | None,
    options: PipelineOptions | None,
) -> list[list[Outcome]]:
    """`write_shard` of each, an element of the pipeline a shard; what became of the sources comes back as files."""
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(list(shards))
            | "OneEach" >> beam.Reshuffle()
            | "Write" >> beam.Map(_write_and_tell)
        )
    return [_outcomes(shard) for shard in shards]


def _write_and_tell(shard: Shard) -> None:
    told = [[vars(o.summary) if o.summary else None, o.why] for o in write_shard(shard)]
    pathlib.Path(shard.path + _SUFFIX).write_text(json.dumps(told))


def _outcomes(shard: Shard) -> list[Outcome]:
    """What `_write_and_tell` left of a shard."""
    path = pathlib.Path(shard.path + _SUFFIX)
    told = json.loads(path.read_text())
    path.unlink()
    return [
        Outcome(source, Summary(**summary) if summary else None, why)
        for source, (summary, why) in zip(shard.sources, told, strict=True)
    ]


def main(arguments: Sequence[str]) -> None:
    """The command above. Raises UserError for a data set that there is not, or raw files that cannot be used."""
    parser = argparse.ArgumentParser("python -m data_builders.beam", description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", help=f"CORPUS or CORPUS/CONFIG; corpora: {', '.join(CORPORA)}")
    parser.add_argument("--manual_dir", required=True, help="folder of the raw corpus")
    parser.add_argument("--data_dir", required=True, help="where prepared data lie")
    given, of_beam = parser.parse_known_args(arguments)
    for name in ("manual_dir", "data_dir"):
        refuse_remote(f"--{name}", getattr(given, name))
    corpus, _, config = given.dataset.partition("/")
    if corpus not in CORPORA:
        raise UserError(f"{given.dataset}: no such corpus; expected one of {', '.join(CORPORA)}")
    builder = importlib.import_module(f"data_builders.{corpus}.{corpus}_dataset_builder").Builder
    if config and config not in builder.builder_configs:
        raise UserError(f"{given.dataset}: no such config; expected one of {', '.join(builder.builder_configs)}")
    made, report = open_or_prepare(
        builder,
        data_dir=given.data_dir,
        manual_dir=given.manual_dir,
        config=config or None,
        beam_options=PipelineOptions(of_beam),
    )
    print(f"{report.words()}prepared: {made.data_dir}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
