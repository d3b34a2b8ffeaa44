"""A simulated year: the real worker, store, reader and channels, a virtual clock, and every fault.

    python -m tests.year --seeds 20        (make year)
    python -m tests.year --first 7 --seeds 1

`plan` says what happens (pure, from a seed), `town` is the world outside (real sites, mail server,
webhook and chat receiver on loopback), `life` drives the real worker through the year, and `judge`
holds what is on record and what was told against the plan. One page falls silent for half the year,
of which operators are to hear once; the canary sings every tenth day, and all is to be well.

Only three things are not as in service: the clock is virtual, looks and lanes run one after the
other (so that a seed reproduces), and a kill is an exception that nothing catches, after which
nothing more is written or sent. Real kills by signal are `mortal`'s. Whoever begins after a kill
has new doors and connections; what its program would only compute again (TLS roots, compiled
queries) is there already.
"""
