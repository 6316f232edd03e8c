"""Serves servables of a folder, with one worker each: start.py FOLDER ADDRESS NAME..."""

import sys

from mindspore_serving import server

if __name__ == "__main__":
    folder, address, *names = sys.argv[1:]
    server.start_servables([server.ServableStartConfig(folder, name) for name in names])
    server.start_grpc_server(address)
