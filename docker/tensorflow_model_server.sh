#!/bin/sh
# The name by which TensorFlow Serving's command is known.
exec salver tensorflow-serving "$@"
