"""What the command and its workers say to each other.

:mod:`alexbench.harness.files.lines` has the lines and their handshake; the other modules have the requests and their
answers, a frozen dataclass each, whose fields both sides check. A request names its answer: ``worker.ask(Load(...))``
is a :class:`~alexbench.harness.worker.protocol.loading.Loaded`.
"""
