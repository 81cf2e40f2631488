"""The TFDS data set of DAIC-WOZ, from the corpus as it is handed out."""

import dataclasses
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_builders.daic_woz.defects import DEFECTS
from data_builders.daic_woz.session import READER, members, read_session
from data_builders.interviews import Corpus, InterviewBuilder, InterviewConfig
from data_builders.readers.daic_woz_splits import FILES, read_splits
from mccl_jax.cues import DAIC_WOZ_CUES


@dataclasses.dataclass(eq=False, kw_only=True)
class DaicWozConfig(InterviewConfig):
    """See `InterviewConfig`; "native" records are also for the official windows."""

    corpus: ClassVar[Corpus] = Corpus(
        name="DAIC-WOZ",
        archive="300_P.zip",
        cues=DAIC_WOZ_CUES,
        defects=DEFECTS,
        sessions={"train": 107, "dev": 35, "test": 47},
        tables=tuple(FILES),
        reader=READER,
        members=members,
        read_splits=read_splits,
        read_session=read_session,
    )


class Builder(InterviewBuilder):
    """A session is a person's interview. TFDS splits: train, dev and test of AVEC 2017, as far as they are there."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First form."}
    BUILDER_CONFIGS: ClassVar = [
        DaicWozConfig(form="3hz", description="The frames that windows at 3 Hz look at."),
        DaicWozConfig(form="native", description="All frames, about 30 a second."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """the folder of DAIC-WOZ, the Distress Analysis Interview Corpus, Wizard of Oz:
  get it   from the University of Southern California, which hands it out for research under a signed agreement:
           dcapswoz.ict.usc.edu
  leave    it as it is: 300_P.zip to 492_P.zip (or folders 300_P that hold their text files) at any depth, and the split
           files train_, dev_ and test_split_Depression_AVEC2017.csv and full_test_split.csv; nothing is unpacked
  without  it, configs/daic_woz.py:simulated makes up a corpus of the same layout"""
    # TFDS' own way to find this file needs importlib_resources, which it does not install.
    code_path = epath.Path(__file__)
