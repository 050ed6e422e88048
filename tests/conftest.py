"""What holds for every test."""

import signal

# A shell that starts a job in the background leaves it SIGINT ignored, and children inherit that: the tests of Ctrl-C
# would test nothing. A handler, unlike an ignored signal, becomes the default again in a new program.
signal.signal(signal.SIGINT, signal.default_int_handler)
