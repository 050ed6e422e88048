"""The requests of a worker that make files. What one needs is imported when it is asked for, and not before."""

from typing import Final

import numpy as np

from alexbench.harness.files.lines import Done
from alexbench.harness.judge.error_causes import Cause
from alexbench.harness.measure.clock import Timed
from alexbench.harness.models.network import get_network
from alexbench.harness.worker.protocol.making import (
    Assembled,
    AssembleWeights,
    ComputeVariants,
    Converted,
    ConvertWeights,
    DrawPictures,
    ExportNames,
    ExportNetwork,
    FindCause,
    FitWeights,
    QuantizeNetwork,
    RunExport,
    SyntheticWeights,
    Written,
)
from alexbench.harness.worker.protocol.ranges import RangesTried, TryRanges
from alexbench.harness.worker.protocol.training_speed import (
    Losses,
    OpenFeed,
    OpenTraining,
    PartsOfSteps,
    SplitSteps,
    TimeFedSteps,
    TimeSteps,
    TrainSteps,
    TrainTimed,
)
from alexbench.harness.worker.state import Handlers, WorkerState


def convert_weights(_: WorkerState, asked: ConvertWeights) -> Converted:
    """Whatever its format, no runtime is imported."""
    from alexbench.harness.inputs.converting import convert

    network = get_network(asked.network, input_size=asked.input_size)
    return convert(asked.source, network, asked.folder, flatten=asked.flatten, key=asked.key)


def export_network(_: WorkerState, asked: ExportNetwork) -> Written:
    """By the backend's own writer, or by an exporter of the runtime's makers."""
    from alexbench.harness.exporting.work import write_export

    return Written(write_export(asked))


def quantize_network(worker: WorkerState, asked: QuantizeNetwork) -> Written:
    """By the tool of the runtime's makers."""
    from alexbench.harness.quantization.work import write_quantized

    return Written(write_quantized(asked, worker.progress))


def run_export(_: WorkerState, asked: RunExport) -> ExportNames:
    """In a process that has seen nothing else of the file."""
    from alexbench.harness.exporting import work as export_work

    logits, names = export_work.run_export(asked, np.load(asked.inputs))
    np.save(asked.out, logits)
    return names


def compute_variants(_: WorkerState, asked: ComputeVariants) -> Done:
    """For the doctor."""
    from alexbench.harness.probing.functions import reference_and_variants

    reference_and_variants(asked)
    return Done()


def find_cause(_: WorkerState, asked: FindCause) -> Cause:
    """For the doctor."""
    from alexbench.harness.probing.causes import cause_of_error

    return cause_of_error(asked)


def try_ranges(worker: WorkerState, asked: TryRanges) -> RangesTried:
    """For the doctor."""
    from alexbench.harness.probing import ranges

    return ranges.try_ranges(asked, worker.progress)


def draw_pictures(worker: WorkerState, asked: DrawPictures) -> Done:
    """Class by class."""
    from alexbench.harness.inputs.synthetic import draw_part

    draw_part(asked, worker.progress)
    return Done()


def assemble_weights(_: WorkerState, asked: AssembleWeights) -> Assembled:
    """A damaged package is an answer and no error: the weights can be fitted."""
    from alexbench.harness.inputs.synthetic import assemble
    from alexbench.harness.models.packaged_classifier import PackagedError

    try:
        return Assembled(assemble(asked))
    except PackagedError as error:
        return Assembled(None, str(error))


def fit_weights(worker: WorkerState, asked: FitWeights) -> SyntheticWeights:
    """From nothing, in minutes."""
    from alexbench.harness.inputs.synthetic import fit

    return fit(asked, worker.progress)


def open_training(worker: WorkerState, asked: OpenTraining) -> Done:
    """For the benchmark of training, as all that follow."""
    from alexbench.harness.training import speed_worker

    return speed_worker.open_training(worker, asked)


def open_feed(worker: WorkerState, asked: OpenFeed) -> Done:
    """From the disk."""
    from alexbench.harness.training import speed_worker

    return speed_worker.open_feed(worker, asked)


def time_steps(worker: WorkerState, asked: TimeSteps) -> Timed:
    """On batches in memory."""
    from alexbench.harness.training import speed_worker

    return speed_worker.time_steps(worker, asked)


def time_fed_steps(worker: WorkerState, asked: TimeFedSteps) -> Timed:
    """On batches from the disk."""
    from alexbench.harness.training import speed_worker

    return speed_worker.time_fed_steps(worker, asked)


def train_timed(worker: WorkerState, asked: TrainTimed) -> Timed:
    """As many in each process of a group."""
    from alexbench.harness.training import speed_worker

    return speed_worker.train_timed(worker, asked)


def split_steps(worker: WorkerState, asked: SplitSteps) -> PartsOfSteps:
    """Part by part."""
    from alexbench.harness.training import speed_worker

    return speed_worker.split_steps(worker, asked)


def train_steps(worker: WorkerState, asked: TrainSteps) -> Losses:
    """Only their losses are wanted."""
    from alexbench.harness.training import speed_worker

    return speed_worker.train_steps(worker, asked)


MAKING: Final[Handlers] = {
    ConvertWeights: convert_weights,
    ExportNetwork: export_network,
    QuantizeNetwork: quantize_network,
    RunExport: run_export,
    ComputeVariants: compute_variants,
    FindCause: find_cause,
    TryRanges: try_ranges,
    DrawPictures: draw_pictures,
    AssembleWeights: assemble_weights,
    FitWeights: fit_weights,
    OpenTraining: open_training,
    OpenFeed: open_feed,
    TimeSteps: time_steps,
    TimeFedSteps: time_fed_steps,
    TrainTimed: train_timed,
    SplitSteps: split_steps,
    TrainSteps: train_steps,
}
