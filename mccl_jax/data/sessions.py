"""Prepared records, read back one session at a time; no TensorFlow."""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from data_builders.records import Session, decode


def read_sessions(builder: tfds.core.DatasetBuilder) -> Iterator[Session]:
    """Every session of a prepared data set, split by split in the order of the records; one is held at a time."""
    for split in builder.info.splits:
        for example in builder.as_data_source(split):
            yield decode(example)
