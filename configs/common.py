"""The defaults of every experiment: the paper's sizes, with the corrections that the README lists.

An experiment's own file changes what differs. Any key can be changed on the command line: --config.train.epochs=20.
Keys and their meaning are those of mccl_jax/experiment.py. A config may have a section `transfer`, with the keys of
`data`: a second corpus, which is reported in place of the first (configs/daic_woz_to_e_daic.py).
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.name = "common"  # results go to runs/<name>, prepared data to prepared/<name>
    config.seed = 0  # of initial values and of the order of the batches

    config.data = ml_collections.ConfigDict()
    config.data.corpus = "openface"  # recordings of one's own; or "cmdc", "daic_woz", "e_daic"
    config.data.manual_dir = ""  # folder of the raw corpus
    config.data.data_dir = ""  # where prepared data lie; empty: prepared/<name>
    config.data.cues = ("landmarks", "gaze", "pose", "aus")
    config.data.missing = "refuse"  # a recording that lacks a cue; "omit": leave that cue out
    config.data.frame_rate = 30.0  # Hz, of recordings without usable timestamps
    config.data.labels = "labels.csv"
    config.data.target = "target"  # the column of the labels to be predicted
    config.data.folds = ""  # of CMDC: "disjoint" or "official"
    config.data.form = "native"  # of the records: all frames; or of DAIC-WOZ and E-DAIC "3hz", a tenth of the disk
    config.data.corrections = ("all",)  # ids of the corpus's defects.py in data_builders; "-id": all but that one
    config.data.dev_fraction = 1 / 3  # of the subjects, where the corpus has no splits of its own
    config.data.split_seed = 0
    config.data.kfold = 0  # folds by subject in place of the corpus's splits; 0: its splits
    config.data.inner_folds = 0  # parts of train by which each training's epoch and regressor are chosen; 0: none
    config.data.workers = 0  # processes that prepare sessions; 0: as many as there are CPU cores and work for
    config.data.exclude_overlap = False  # where subjects of train are reported: refuse; True: leave them out of train

    config.windows = ml_collections.ConfigDict()
    config.windows.rate = 3.0  # Hz
    config.windows.seconds = 420.0  # seven minutes: 1260 frames
    # Stretches of equal length, which the intra-cue branch looks at; or "question": an answer each (CMDC).
    config.windows.segments = ml_collections.FieldReference(3, field_type=object)
    config.windows.sampling = "nearest"  # or "mean"
    config.windows.max_gap = 1.0  # seconds without a usable frame that are interpolated; longer ones are masked
    config.windows.representation = "relative"  # or "min_max": camera coordinates, min-max a session
    config.windows.official_windows = False  # those of the official preparation instead (DAIC-WOZ, all frames)
    config.windows.official = ml_collections.ConfigDict()  # its mistakes: README, "The official code"
    config.windows.official.raw_translation_zero_rotation = False  # D1
    config.windows.official.landmarks_uncut_in_train = False  # D2
    config.windows.official.train_hop_50 = False  # D3
    config.windows.official.fill_with_one_value = False  # D4

    config.model = ml_collections.ConfigDict()
    config.model.cues = ()  # which of data.cues the model reads; empty: all
    config.model.interaction = ("inter", "intra")  # branches with the attentive interaction; one away: no CCAI, no TSAI
    config.model.width = 64  # channels behind the stem; with the blocks below, ResNet-18
    config.model.blocks = (2, 2, 2, 2)
    config.model.hidden = 64  # of the LSTM, each direction; an embedding has twice as many
    config.model.heads = 2
    config.model.projection = 128  # of the head of the contrastive loss; 0: none
    config.model.norm = "mixed"  # inside the interaction; or "none"
    config.model.norm_eps = 1e-5  # of the normalisation inside the interaction
    config.model.masked = True  # frames that hold no data take no part
    config.model.statistics_per_cue = True  # BatchNorm's running statistics
    config.model.dtype = "float32"  # or "bfloat16": what convolutions and products multiply; all else stays float32
    config.model.deep_width = 64  # points to which the 2048 CNN features of E-DAIC are projected, frame by frame

    config.init = ml_collections.ConfigDict()
    config.init.weights = "random"  # or a file of a ResNet-18 for the trunks
    config.init.grey = "random"  # the stem of one-channel cues, which such a file lacks; or "sum" over colours
    config.init.official = ()  # files of a whole official model

    config.train = ml_collections.ConfigDict()
    config.train.direct_baseline = True  # beside each, the same network on severity, a baseline: twice the time
    config.train.objective = "contrastive"  # or "severity": the same network, trained by regression directly
    config.train.epochs = 300
    config.train.batch_size = 32
    config.train.learning_rate = 5e-4  # peak
    config.train.floor = 5e-6
    config.train.warmup_epochs = 10.0
    config.train.weight_decay = 0.05
    config.train.adam_eps = 1e-8
    config.train.temperature = 0.09
    config.train.projection_head_learns = True  # False: as in the official code, by accident (D6)
    config.train.shuffle = True  # False: as in the official code (D7)
    config.train.parallelism = "jit"  # over all devices; or "pmap"
    config.train.feeding = "resident"  # windows lie on the devices; or "stream": batch by batch, where they do not fit
    config.train.evaluate_every = 10  # epochs
    config.train.checkpoint_every = 10  # epochs
    config.train.keep = 2  # checkpoints, the newest
    config.train.best_by = "loss"  # the best one stays, too: of lowest training loss; or MAE on a split of this name
    config.train.profile = 0  # steps, early in the training, whose trace goes to WORKDIR/profile (docs/running.md)

    config.evaluation = ml_collections.ConfigDict()
    config.evaluation.target = "severity"  # what the numbers are called
    config.evaluation.reported_split = "dev"
    config.evaluation.threshold = ml_collections.config_dict.placeholder(float)  # at or above it: called positive
    config.evaluation.positive = ""  # the label that says who is positive; empty: the target, by the threshold
    config.evaluation.group = ""  # the label within whose values errors are given too
    config.evaluation.low = ml_collections.config_dict.placeholder(float)  # ends of the scale
    config.evaluation.high = ml_collections.config_dict.placeholder(float)
    config.evaluation.regressors = ("xgboost", "ridge")
    config.evaluation.primary = "xgboost"  # the headline, fixed before training
    config.evaluation.cuts = ("crops", "all_windows")  # scored besides: equally long stretches, and all windows meaned
    config.evaluation.seed = 0  # of XGBoost's rows and of the resamples
    config.evaluation.resamples = 2000  # of the tests
    config.evaluation.level = 0.95  # of the intervals of scores
    config.evaluation.prediction_levels = (0.8, 0.9)  # of the intervals around one prediction
    return config
