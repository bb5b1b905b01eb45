"""Internal: a model as a graph of ONNX nodes. ``protos`` alone imports onnx, in functions."""
