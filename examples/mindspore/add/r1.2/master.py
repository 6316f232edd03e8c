"""Takes calls for workers that join: python master.py, and Ctrl+C to end it. It may be started before or after them."""

from mindspore_serving import master


def start():
    master.start_grpc_server("127.0.0.1", 5500)
    master.start_master_server("127.0.0.1", 6500)


if __name__ == "__main__":
    start()
