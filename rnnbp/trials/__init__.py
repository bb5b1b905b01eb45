"""Internal: many runs with different options, of one TOML file, in a folder that goes on.

``rnnbp sweep`` is the command. ``config`` reads the file, ``space`` lists the runs, ``record``
keeps them with the folder, ``launch`` starts the process of a run, ``pools`` many of them,
``outcome`` reads what a run has left in its folder, ``results`` puts the runs in order, and
``picture`` draws them.
"""
