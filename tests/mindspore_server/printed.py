"""What the tutorials' clients of `add` print."""

SUM = "{{'y': array([[{0}., {0}.],\n       [{0}., {0}.]], dtype=float32)}}"
ONE_SUM = f"[{SUM.format(2)}]\n"
THREE_SUMS = f"[{SUM.format(2)}, {SUM.format(4)}, {SUM.format(6)}]\n"
WRONG_TYPE = "Given model input 1 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model"
WRONG_METHOD = "{'error': 'Request servable(add) method(add_common2) , method is not available'}\n"
SECOND_WRONG = f"[{SUM.format(2)}, {{'error': '{WRONG_TYPE}'}}, {SUM.format(6)}]\n"
EXAMPLE = THREE_SUMS + ONE_SUM + WRONG_METHOD + SECOND_WRONG
