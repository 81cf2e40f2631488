"""The TFDS data set of E-DAIC, from the corpus as it is handed out."""

import dataclasses
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_builders.e_daic.defects import DEFECTS
from data_builders.e_daic.session import READER, members, read_session
from data_builders.interviews import Corpus, InterviewBuilder, InterviewConfig
from data_builders.readers.e_daic_splits import DETAILED, SPLIT_FILES, read_splits
from mccl_jax.cues import E_DAIC_CUES


@dataclasses.dataclass(eq=False, kw_only=True)
class EDaicConfig(InterviewConfig):
    """See `InterviewConfig`."""

    corpus: ClassVar[Corpus] = Corpus(
        name="E-DAIC",
        archive="300_P.tar.gz",
        cues=E_DAIC_CUES,
        defects=DEFECTS,
        sessions={"train": 163, "dev": 56, "test": 56},
        tables=(*SPLIT_FILES, DETAILED),
        reader=READER,
        members=members,
        read_splits=read_splits,
        read_session=read_session,
    )


class Builder(InterviewBuilder):
    """A session is a person's interview. TFDS splits: train, dev and test of AVEC 2019, as far as they are there."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First form."}
    BUILDER_CONFIGS: ClassVar = [
        EDaicConfig(form="3hz", description="The frames that windows at 3 Hz look at."),
        EDaicConfig(form="native", description="All frames, about 30 a second."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """the folder of E-DAIC, the Extended Distress Analysis Interview Corpus:
  get it   from the University of Southern California, which hands it out for research under a signed agreement:
           dcapswoz.ict.usc.edu
  leave    it as it is: 300_P.tar.gz to 718_P.tar.gz (or folders 300_P or 300_P.tar that they were unpacked to) at any
           depth, and train_split.csv, dev_split.csv, test_split.csv and Detailed_PHQ8_Labels.csv, in the folder or one
           below; nothing is unpacked"""
    # TFDS' own way to find this file needs importlib_resources, which it does not install.
    code_path = epath.Path(__file__)
