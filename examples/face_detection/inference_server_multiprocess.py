"""The same in three processes, which share the port:

python inference_server_multiprocess.py [address]
"""

import multiprocessing
import sys

from inference_server import serve

if __name__ == "__main__":
    for _ in range(3):
        multiprocessing.Process(target=serve, args=sys.argv[1:]).start()
