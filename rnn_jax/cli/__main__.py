"""`python -m rnn_jax.cli`, as which several processes of one command are started."""

from . import main

main()
