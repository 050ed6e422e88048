"""PyTorch's stream: several threads, each of which runs its own operations."""

from types import ModuleType

from alexbench.backends._shared.thread_streams import ThreadStream, open_loop, open_threads
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.errors import UnsupportedOptionError


def open_stream(torch: ModuleType, backend: Backend, model: Model, options: Options) -> ThreadStream:
    """``options.threads`` threads, each with one thread of OpenMP, over one copy of the modules.

    ``torch.set_num_threads`` applies to the calling thread and to threads that have not asked yet. Afterwards, the
    count of the caller and of later threads is restored.

    Raises:
        UnsupportedOptionError: this build of torch has one count for all threads.
    """
    if options.device != "cpu":
        return open_loop(backend, model, options)
    before = torch.get_num_threads()
    how = f"callers at once: {options.threads}, intra-op 1 each"
    try:
        return open_threads(
            backend, model, options, callers=options.threads, how=how, prepare=lambda: _keep_to_one_thread(torch)
        )
    finally:
        torch.set_num_threads(before)


def _keep_to_one_thread(torch: ModuleType) -> None:
    # A thread whose count was never read takes the process's count at its first operation, not its own.
    torch.get_num_threads()
    torch.set_num_threads(1)
    if torch.get_num_threads() != 1:
        raise UnsupportedOptionError(f"torch: asked for 1 thread a stream, but it runs {torch.get_num_threads()}")
