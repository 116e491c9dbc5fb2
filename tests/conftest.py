"""What all tests need of the process that runs them."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun with & by a script: children would never see a Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
