"""Internal: a team of threads that run jobs in machine code together.

- ``job``: what a job is, a record that Python packs and machine code reads.
- ``barrier``: how threads wait for one another within a job.
- ``pieces``: what each thread does of a job, piece by piece.
- ``handoff``: how a job gets from its caller to threads that wait, and back; the states of a
  thread.
- ``threads``: the threads themselves, how many they are, and ``do``, which runs a job.
- ``chain``: jobs that run again and again on the same arrays, by one call.
- ``rounds``: the same jobs again and again, each time on other arrays.
- ``lanes``: such jobs as a pipeline, in which each thread has its own.
- ``beside``: several jobs at once, each by one thread.
"""
