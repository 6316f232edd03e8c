"""Master and worker apart: workers of other processes and hosts join a server over TCP.

Every connection begins with a greeting in which both sides prove that they know the token (`greeting`). On the first
one a worker says what it serves, and signs of life go both ways (`pulse`); each lane has another, which is a link from
the greeting on. On the server's side `gate` lets them in and `roster` knows who is there; on the worker's, `outpost`
keeps a worker process and has it join (`membership`) again and again.
"""
